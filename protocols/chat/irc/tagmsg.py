"""TAGMSG and SETNAME: IRCv3 messages that only IRC clients get.

Other ways in have nothing like them.
"""

from __future__ import annotations

from typing import Final

from ..interfaces import Listener
from ..messages import Batch, ChatError, Kind
from .capabilities import MESSAGE_TAGS, SETNAME
from .channels import member_of
from .connection import Command, IRCConnection, room_of
from .grammar import Line, without_formatting
from .isupport import MAX_TARGETS, REALNAME_LENGTH
from .numerics import Reply
from .people import clients, connection_of
from .render import CHANNEL_PREFIX
from .speech import charge_targets, pass_on, targets_of


def _tagmsg(client: IRCConnection, line: Line) -> None:
    """Send the tags of ``line`` to channels and users."""
    targets = targets_of(line)
    if MESSAGE_TAGS not in client.capabilities:
        client.reply(Reply.UNKNOWNCOMMAND, line.command)
    elif not targets:
        client.reply(Reply.NORECIPIENT)
    elif len(targets) > MAX_TARGETS:
        client.reply(Reply.TOOMANYTARGETS, line.param(0))
    elif line.client_tags:
        charge_targets(client, targets)
        for target in targets:
            try:
                _send_tags(client, line, target)
            except ChatError as exc:
                client.refuse(exc, line, nick=target, channel=target)


def _send_tags(client: IRCConnection, line: Line, target: str) -> None:
    member = member_of(client)
    # Directly, because ``Member.say`` refuses an empty text.
    message = member.hub.deliveries.message
    if target.startswith(CHANNEL_PREFIX):
        room = member.where(room_of(target))
        pass_on(client, room, message(Kind.NOTE, room.name, member.name, tags=line.client_tags))
        return
    other = member.hub.find(target)
    batch = Batch((message(Kind.NOTE, "", member.name, "", other.name, tags=line.client_tags),))
    if other is not member and connection_of(other) is not None and other.wanted(batch.messages):
        other.answer(batch)
    if other is member or member.echo:
        member.answer(batch)


def _setname(client: IRCConnection, line: Line) -> None:
    realname = without_formatting(line.param(0)).strip()
    if not realname or len(realname) > REALNAME_LENGTH:
        text = f"A real name has 1 to {REALNAME_LENGTH} characters"
        client.send("FAIL", line.command, "INVALID_REALNAME", text)
        return
    member = member_of(client)
    member.own_settings().realname = realname
    receivers: dict[Listener, None] = {member: None}
    for room in member.rooms:
        if room.knows(member):
            receivers |= dict.fromkeys(room.members)
    interested = list(clients(receivers, SETNAME))
    client.charge(len(receivers) // 4 + len(interested))
    for other in interested:
        other.send(line.command, realname, source=member.mask)


COMMANDS: Final = {
    "SETNAME": Command(_setname, min_params=1),
    "TAGMSG": Command(_tagmsg),
}
