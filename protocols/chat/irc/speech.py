"""PRIVMSG and NOTICE, to channels and to members; and AWAY.

The hub takes clean text, for all ways in. Codes for bold and colours, and CTCP messages, are for
IRC clients alone: a tag of the message (``IRC_TEXT``) has the text with them.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from ..messages import Batch, ChatError, Kind, Message
from ..room import Room
from .capabilities import MESSAGE_TAGS
from .channels import member_of
from .connection import STEPS_PER_TOKEN, Command, IRCConnection, room_of
from .grammar import MAX_LINE, Line, Tags, with_formatting, without_formatting
from .isupport import MAX_TARGETS
from .numerics import Reply
from .render import ACTION, CHANNEL_PREFIX, CTCP, IRC_TEXT
from .shared import Passing, Shared


def _privmsg(client: IRCConnection, line: Line) -> None:
    targets = targets_of(line)
    if not targets:
        client.reply(Reply.NORECIPIENT)
    elif not line.param(1):
        client.reply(Reply.NOTEXTTOSEND)
    elif len(targets) > MAX_TARGETS:
        client.reply(Reply.TOOMANYTARGETS, line.param(0))
    else:
        charge_targets(client, targets)
        for target in targets:
            try:
                _speak(client, line, target, note=False)
            except ChatError as exc:
                client.refuse(exc, line, nick=target, channel=target)


def _notice(client: IRCConnection, line: Line) -> None:
    # Nothing may be answered to a NOTICE, not even an error (RFC 2812 section 3.3.2).
    targets = targets_of(line)[:MAX_TARGETS]
    charge_targets(client, targets)
    for target in targets:
        with suppress(ChatError):
            _speak(client, line, target, note=True)


def targets_of(line: Line) -> list[str]:
    """Return the channels and nicks to which a message goes, each once."""
    targets = line.param(0)
    if "," not in targets:
        return [targets] if targets else []
    return list({word.lower(): word for word in targets.split(",") if word}.values())


def charge_targets(client: IRCConnection, targets: list[str]) -> None:
    """Have a message to several targets cost as much as one to each."""
    if len(targets) > 1:
        client.charge((len(targets) - 1) * STEPS_PER_TOKEN)


def client_tags(client: IRCConnection, line: Line) -> Tags:
    """Return the tags of ``line`` that others get, too."""
    return line.client_tags if MESSAGE_TAGS in client.capabilities else ()


def _speak(client: IRCConnection, line: Line, target: str, *, note: bool) -> None:
    """Say the text in ``line`` to ``target``, a channel or a nick."""
    tags = client_tags(client, line)
    words = line.param(1)
    if words.startswith(CTCP):
        body = words.strip(CTCP)
        if words.startswith(ACTION) and not note:
            _act(client, target, body.removeprefix(ACTION.strip(CTCP)), tags)
        else:
            _pass_ctcp(client, target, body, tags, note=note)
        return
    text, formatted = without_formatting(words), with_formatting(words)
    if formatted != text:
        tags += ((IRC_TEXT, formatted),)
    member = member_of(client)
    head = f":{member.mask} {line.command} {target} :"
    if not note and len(head) + len(formatted.encode(errors="replace")) > MAX_LINE - 2:
        client.reply(Reply.INPUTTOOLONG)  # it would not fit into one line for the others
        return
    if target.startswith(CHANNEL_PREFIX):
        _say(client, target, text, Kind.NOTE if note else Kind.SAID, tags)
    else:
        member.whisper(target, text, kind=Kind.NOTE if note else Kind.PRIVATE, tags=tags)


def _act(client: IRCConnection, target: str, words: str, tags: Tags) -> None:
    """Send a CTCP ACTION, which clients use for ``/me``, to ``target``."""
    member = member_of(client)
    text, formatted = without_formatting(words), with_formatting(words)
    private = not target.startswith(CHANNEL_PREFIX)
    if private or formatted != text:
        tags += ((IRC_TEXT, f"{ACTION}{formatted}{CTCP}"),)
    if private:
        member.whisper(target, f"* {member.name} {text}", tags=tags)
    else:
        _say(client, target, text, Kind.ACTION, tags)


def _say(client: IRCConnection, channel: str, text: str, kind: Kind, tags: Tags) -> None:
    member = member_of(client)
    message = member.say(text, room_of(channel), kind=kind, tags=tags)
    # The room delivers to its members. A speaker from outside (mode -n) gets its echo here.
    if member.echo and all(room.name != message.room for room in member.rooms):
        client.show(message)


def _pass_ctcp(client: IRCConnection, target: str, body: str, tags: Tags, *, note: bool) -> None:
    """Pass on a CTCP request or answer, such as VERSION, to IRC clients."""
    member = member_of(client)
    text = without_formatting(body)
    tags += ((IRC_TEXT, f"{CTCP}{with_formatting(body)}{CTCP}"),)
    if target.startswith(CHANNEL_PREFIX):
        kind = Kind.NOTE if note else Kind.SAID
        room = member.where(room_of(target))
        deliveries = member.hub.deliveries
        message = deliveries.message(kind, room.name, member.name, text, tags=tags)
        pass_on(client, room, message)
    elif isinstance(member.hub.find(target).sink, IRCConnection):
        member.whisper(target, text, kind=Kind.NOTE if note else Kind.PRIVATE, tags=tags)
    elif not note:
        client.send("NOTICE", client.nick, f"{target} does not come by IRC and has no CTCP")


def pass_on(client: IRCConnection, room: Room, message: Message) -> None:
    """Deliver ``message`` from the client to the IRC clients in ``room``, after the lines of this
    turn; its echo at once. Raises ChatError if the client may not speak there, or if more is said
    in this turn than the members' connections can take."""
    member = member_of(client)
    room.prepare_speech(member)
    server = client.server
    passing = server.passing.get(room)
    room.check_load(message.size + (passing.size if passing else 0))
    client.charge(len(room.members) // 4)
    if passing is None:
        passing = server.passing[room] = Passing()
        server.reactor.call_soon(_deliver, server, room)
    passing.size += message.size
    passing.messages[message] = member
    if member.wanted((message,)):
        member.answer(Batch((message,)))


def _deliver(server: Shared, room: Room) -> None:
    """Deliver to each member the messages that it wants, except its own: it has their echo."""
    messages = server.passing.pop(room).messages
    everything = Batch(tuple(messages))
    senders = set(messages.values())
    for other in tuple(room.members):
        if not isinstance(other.sink, IRCConnection):
            continue
        found = everything.messages
        if other in senders:
            found = tuple([message for message in found if messages[message] is not other])
        wanted = other.wanted(found)
        if len(wanted) == len(messages):
            other.deliver(everything)
        elif wanted:
            other.deliver(Batch(tuple(wanted)))


def _away(client: IRCConnection, line: Line) -> None:
    member = member_of(client)
    text = without_formatting(line.param(0)).strip()[: member.hub.limits.topic_length]
    if text != member.away:
        member.set_away(text)
    client.reply(Reply.NOWAWAY if text else Reply.UNAWAY)


COMMANDS: Final = {
    "AWAY": Command(_away),
    "NOTICE": Command(_notice),
    "PRIVMSG": Command(_privmsg),
}
