"""TAGMSG and SETNAME: what IRCv3 lets a client tell others beside what it says.

Only members of IRC who want to know are told: other ways in have nothing like it. So they are told
one by one, not through the room.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ..interfaces import Listener
from ..messages import Batch, ChatError, Kind
from .capabilities import ECHO_MESSAGE, MESSAGE_TAGS, SETNAME
from .channels import member_of
from .connection import Command, IRCConnection, room_of
from .grammar import Line, without_formatting
from .isupport import MAX_TARGETS, REALNAME_LENGTH
from .numerics import Reply
from .people import clients
from .render import CHANNEL_PREFIX, channel_of


def _tagmsg(client: IRCConnection, line: Line) -> None:
    """Send the tags of ``line`` to channels and users."""
    targets = [word for word in line.param(0).split(",") if word]
    if MESSAGE_TAGS not in client.capabilities:
        client.reply(Reply.UNKNOWNCOMMAND, line.command)
    elif not targets:
        client.reply(Reply.NORECIPIENT, f"No recipient given ({line.command})")
    elif len(targets) > MAX_TARGETS:
        client.reply(Reply.TOOMANYTARGETS, line.param(0))
    elif line.client_tags:
        for target in targets:
            try:
                _send_tags(client, line, target)
            except ChatError as exc:
                client.refuse(exc, line, nick=target, channel=target)


def _send_tags(client: IRCConnection, line: Line, target: str) -> None:
    member = member_of(client)
    listeners: Iterable[Listener]
    if target.startswith(CHANNEL_PREFIX):
        room = member.where(room_of(target))
        room.rules.check_speech(member, room.members.get(member))
        target, listeners = channel_of(room.name), tuple(room.members)
    else:
        other = member.hub.find(target)
        target, listeners = other.name, (other,)
    # A note without words; the hub lets nobody say nothing, so there is no other such note.
    message = member.hub.deliveries.message(
        Kind.NOTE, "", member.name, target=target, tags=line.client_tags
    )
    batch = Batch((message,))
    for other_client in clients(listeners, MESSAGE_TAGS):
        other = member_of(other_client)
        if other is not member and other.wanted(batch.messages):
            other.answer(batch)
    if target == member.name or ECHO_MESSAGE in client.capabilities:
        member.answer(batch)


def _setname(client: IRCConnection, line: Line) -> None:
    realname = without_formatting(line.param(0)).strip()
    if not realname or len(realname) > REALNAME_LENGTH:
        text = f"A real name has 1 to {REALNAME_LENGTH} characters"
        client.send("FAIL", line.command, "INVALID_REALNAME", text)
        return
    member = member_of(client)
    member.own_settings().realname = realname
    told: dict[Listener, None] = {member: None}
    for room in member.rooms:
        if room.knows(member):
            told |= dict.fromkeys(room.members)
    for other in clients(told, SETNAME):
        other.send(line.command, realname, source=member.mask)


COMMANDS: Final = {
    "SETNAME": Command(_setname, least=1),
    "TAGMSG": Command(_tagmsg),
}
