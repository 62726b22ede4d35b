"""Messages of the hub as lines of IRC, for each set of capabilities that changes how they look.

Members with the same capabilities share a rendering, so it names no receiver. What is for one
member alone and names it (``Kind.REPLY`` and others) is not rendered here: see ``output.py``.

Text from other ways in can be longer than a line of IRC. It becomes several ``PRIVMSG``. The first
alone has the message's id.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Final

from protocols.text import clean_text

from ..hub import Hub
from ..messages import Kind, Message
from .capabilities import AWAY_NOTIFY, EXTENDED_JOIN, MESSAGE_TAGS, SERVER_TIME
from .changes import MAX_VALUES
from .crowds import PIECE, CrowdLines
from .grammar import MAX_LINE, Tags, format_line, format_tags, split

CHANNEL_PREFIX: Final = "#"
LINE_END: Final = "\r\n"

# The tag of a message that holds what a member of IRC wrote, if that is not its text: with codes
# for bold and colours, or as a CTCP message. Only members of IRC see it.
IRC_TEXT: Final = "irc-text"

CTCP: Final = "\x01"
ACTION: Final = CTCP + "ACTION "

# Bytes of the lines about one crowd: many more would exceed a member's write queue.
MAX_CROWD: Final = 1 << 18

MAX_MODE_VALUES: Final = 300  # characters of values in one line that changes several modes
MAX_REMEMBERED: Final = 128  # messages whose lines are kept for other batches

Renderer = Callable[[Sequence[Message]], bytes]

_SPOKEN: Final = {
    Kind.SAID: "PRIVMSG",
    Kind.ACTION: "PRIVMSG",
    Kind.PRIVATE: "PRIVMSG",
    Kind.NOTE: "NOTICE",
}


def channel_of(room: str) -> str:
    """Return the channel that is the room called ``room``."""
    return CHANNEL_PREFIX + room


def mask_of(hub: Hub, name: str) -> str:
    """Return ``nick!user@host`` of the member that is, or was, called ``name``."""
    member = hub.members.get(name.lower())
    if member is not None:
        return f"{name}!{member.user}@{member.host}"
    former = hub.former_members(name)
    if former:
        return f"{name}!{former[0].user}@{former[0].host}"
    return f"{name}!{name}@unknown"  # a line from long ago


def make_renderer(hub: Hub, server_name: str, capabilities: frozenset[str]) -> Renderer:
    """Return a function that renders messages for members with ``capabilities``."""
    lines = _Lines(hub, server_name, capabilities)

    def render(messages: Sequence[Message]) -> bytes:
        if any(message.kind is Kind.MODE for message in messages):
            messages = merged_modes(messages)
        if any(message.kind is Kind.CROWD for message in messages):
            return lines.with_crowd(messages)
        return _encoded([line for message in messages for line in lines.of(message)])

    return render


class _Lines:
    """Lines for members with ``capabilities``."""

    def __init__(self, hub: Hub, server_name: str, capabilities: frozenset[str]) -> None:
        self._hub = hub
        self._server_name = server_name
        self._away_notify = AWAY_NOTIFY in capabilities
        self._extended_join = EXTENDED_JOIN in capabilities
        self._message_tags = MESSAGE_TAGS in capabilities
        self._server_time = SERVER_TIME in capabilities
        # By id. Members without echo get different batches, with nearly the same messages.
        self._spoken: dict[int, list[str]] = {}

    def of(self, message: Message) -> list[str]:
        """Return the lines for ``message``; there may be none."""
        kind = message.kind
        command = _SPOKEN.get(kind)
        if command is not None:
            lines = self._spoken.get(message.id)
            if lines is None:
                lines = self._speech(command, message)
                self._remember(message.id, lines)
            return lines
        if kind is Kind.CROWD:
            return [line for _, lines in self._crowd(message) for line in lines]
        source, command, params = self._event(message)
        if not command:
            return []
        lines = [format_line(command, *params, source=source, tags=self.tags(message))]
        if kind is Kind.JOINED and self._away_notify:
            lines += self._away(message, source)
        return lines

    def tags(self, message: Message, *, first: bool = True) -> Tags:
        """Return the tags of a line for ``message``. ``first``: whether it is the first line."""
        tags: Tags = ()
        if self._server_time:
            tags = (("time", server_time(message.time)),)
        if self._message_tags and first:
            if message.id:
                tags += (("msgid", str(message.id)),)
            if message.tags:
                tags += tuple([tag for tag in message.tags if tag[0].startswith("+")])
        return tags

    def _speech(self, command: str, message: Message) -> list[str]:
        text = dict(message.tags).get(IRC_TEXT, message.text) if message.tags else message.text
        if not text:
            return self._tagmsg(message)
        if "\n" in text or "\r" in text or "\0" in text:  # text in the hub has none of them
            text = clean_text(text)
        start, end = "", ""
        if text.startswith(ACTION):  # an action with formatting
            text = text.removeprefix(ACTION).removesuffix(CTCP)
            start, end = ACTION, CTCP
        elif message.kind is Kind.ACTION:
            start, end = ACTION, CTCP
        target = message.target or channel_of(message.room)
        head = f":{mask_of(self._hub, message.sender)} {command} {target} :{start}"
        room = MAX_LINE - 2 - len(head) - len(end)
        parts = split(text, room) if len(text) * 4 > room else [text]
        lines = [f"{head}{part}{end}" for part in parts]
        if self._server_time or self._message_tags:
            for number, line in enumerate(lines):
                if tags := self.tags(message, first=not number):
                    lines[number] = f"@{format_tags(tags)} {line}"
        return lines

    def _tagmsg(self, message: Message) -> list[str]:
        if not self._message_tags:
            return []
        source = mask_of(self._hub, message.sender)
        target = message.target or channel_of(message.room)
        return [format_line("TAGMSG", target, source=source, tags=self.tags(message))]

    def _remember(self, message_id: int, lines: list[str]) -> None:
        if len(self._spoken) >= MAX_REMEMBERED:
            self._spoken.clear()
        if message_id:
            self._spoken[message_id] = lines

    def _event(self, message: Message) -> tuple[str, str, tuple[str, ...]]:
        """Return the source, the command and the parameters. The command is empty if no line is
        sent for ``message``."""
        kind, _, room, sender, text, target, *_ = message
        channel = channel_of(room)
        source = mask_of(self._hub, sender) if sender else self._server_name
        params: tuple[str, ...]
        command = kind.name
        match kind:
            case Kind.JOINED | Kind.ENTERED:
                command, params = "JOIN", self._join(sender, channel)
            case Kind.LEFT:
                command, params = "PART", (channel, text) if text else (channel,)
            case Kind.QUIT:
                params = (text or "Client Quit",)
            case Kind.KICKED:
                command, params = "KICK", (channel, target, text or sender)
            case Kind.RENAMED:
                command, params = "NICK", (text,)
            case Kind.TOPIC:
                params = (channel, text)
            case Kind.MODE:
                params = (channel, text, *target.split())
            case Kind.INVITED:
                command, params = "INVITE", (target, channel)
            case Kind.AWAY if self._away_notify:
                params = (text,) if text else ()
            case _:
                command, params = "", ()
        return source, command, params

    def _away(self, message: Message, source: str) -> list[str]:
        """Return the AWAY line for a newcomer that is away; no line if it is not."""
        member = self._hub.members.get(message.sender.lower())
        if member is None or not member.away:
            return []
        tags = self.tags(message, first=False)
        return [format_line("AWAY", member.away, source=source, tags=tags)]

    def _join(self, name: str, channel: str) -> tuple[str, ...]:
        if not self._extended_join:
            return (channel,)
        member = self._hub.members.get(name.lower())
        return (channel, "*", member.realname if member is not None else name)

    def with_crowd(self, messages: Sequence[Message]) -> CrowdLines:
        """Return the lines for ``messages``, of which at least one is about a crowd."""
        pieces: list[bytes] = []
        own: dict[str, list[tuple[int, bytes]]] = {}
        for message in messages:
            if message.kind is not Kind.CROWD:
                pieces.append(_encoded(self.of(message)))
                if message.kind is Kind.RENAMED and message.sender in own:
                    own[message.text] = own.pop(message.sender)
                continue
            groups = self._crowd(message)
            while some := list(islice(groups, PIECE)):
                about = [(name, _encoded(lines)) for name, lines in some]
                if Kind(message.target) is Kind.JOINED:
                    for name, lines in about:
                        own.setdefault(name, []).append((len(pieces), lines))
                pieces.append(b"".join([lines for _, lines in about]))
        return CrowdLines.of(pieces, own)

    def _crowd(self, message: Message) -> Iterator[tuple[str, list[str]]]:
        """Give each member of a crowd and the lines about it: clients keep a list of who is
        where."""
        size = 0
        for count, name in enumerate(message.names):
            if size > MAX_CROWD:
                channel = channel_of(message.room)
                more = f"{len(message.names) - count} more {message.target}"
                text = f"{more}: NAMES {channel} lists who is there"
                yield "", [format_line("NOTICE", channel, text, source=self._server_name)]
                break
            single = Message(Kind(message.target), message.time, message.room, name)
            lines = self.of(single)
            yield name, lines
            size += len(_encoded(lines))


def merged_modes(messages: Sequence[Message]) -> list[Message]:
    """Return ``messages`` with changes of modes that follow each other as one: ``+o-m alice``."""
    merged: list[Message] = []
    for message in messages:
        if message.kind is Kind.MODE and message.text == "-k":  # clients expect a value there
            message = message._replace(target="*")  # noqa: PLW2901
        last = merged[-1] if merged else None
        if (
            last is not None
            and message.kind is last.kind is Kind.MODE
            and (message.room, message.sender) == (last.room, last.sender)
            and len(last.target.split()) < MAX_VALUES
            and len(last.target) + len(message.target) < MAX_MODE_VALUES
        ):
            sign, letter = message.text[0], message.text[1:]
            same = max(last.text.rfind("+"), last.text.rfind("-")) == last.text.rfind(sign)
            merged[-1] = last._replace(
                text=last.text + (letter if same else message.text),
                target=f"{last.target} {message.target}".strip(),
            )
        else:
            merged.append(message)
    return merged


def server_time(when: float) -> str:
    """Return ``when``, in seconds since the epoch, as IRCv3 writes it, with milliseconds."""
    second, millisecond = divmod(int(when * 1000), 1000)
    return f"{_date(second)}.{millisecond:03d}Z"


def _encoded(lines: list[str]) -> bytes:
    return "".join([line + LINE_END for line in lines]).encode(errors="replace")


@lru_cache(maxsize=128)
def _date(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
