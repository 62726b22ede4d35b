"""What a member says: PRIVMSG and NOTICE, to channels and to members; and AWAY."""

from __future__ import annotations

from typing import Final

from ..messages import ChatError, Kind
from .capabilities import MESSAGE_TAGS
from .channels import member_of
from .connection import Command, IRCConnection, room_of
from .grammar import Line, Tags, with_formatting, without_formatting
from .isupport import MAX_TARGETS
from .numerics import Reply
from .render import ACTION, CHANNEL_PREFIX, CTCP, IRC_TEXT


def _privmsg(client: IRCConnection, line: Line) -> None:
    targets = [word for word in line.param(0).split(",") if word]
    if not targets:
        client.reply(Reply.NORECIPIENT)
    elif not line.param(1):
        client.reply(Reply.NOTEXTTOSEND)
    elif len(targets) > MAX_TARGETS:
        client.reply(Reply.TOOMANYTARGETS, line.param(0))
    else:
        for target in targets:
            try:
                _speak(client, line, target, note=False)
            except ChatError as exc:
                client.refuse(exc, line, nick=target, channel=target)


def _notice(client: IRCConnection, line: Line) -> None:
    # Nothing may be answered to a NOTICE, not even an error (RFC 2812 section 3.3.2).
    if not line.param(1):
        return
    for target in [word for word in line.param(0).split(",") if word][:MAX_TARGETS]:
        try:
            _speak(client, line, target, note=True)
        except ChatError:
            pass


def _speak(client: IRCConnection, line: Line, target: str, *, note: bool) -> None:
    """Say the text in ``line`` to ``target``, a channel or a nick."""
    member = member_of(client)
    raw = line.param(1)
    tags: Tags = line.client_tags if MESSAGE_TAGS in client.capabilities else ()
    kind = Kind.NOTE if note else Kind.SAID
    to_room = target.startswith(CHANNEL_PREFIX)
    formatted = with_formatting(raw)
    text = without_formatting(raw)
    if raw.startswith(ACTION) and not note:
        kind = Kind.ACTION
        raw = raw.removeprefix(ACTION).removesuffix(CTCP)
        text = without_formatting(raw)
        formatted = with_formatting(raw)
        if not to_room:
            formatted = ACTION + formatted + CTCP
            text = f"* {member.name} {text}"
        elif formatted != text:
            formatted = ACTION + formatted + CTCP
    if formatted != text:
        tags += ((IRC_TEXT, formatted),)
    if to_room:
        member.say(text, room_of(target), kind=kind, tags=tags)
    else:
        member.whisper(target, text, kind=Kind.NOTE if note else Kind.PRIVATE, tags=tags)


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
