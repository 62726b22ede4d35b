"""Channels: JOIN, PART, TOPIC, NAMES, KICK and INVITE. A channel ``#tea`` is the room ``tea``."""

from __future__ import annotations

from itertools import zip_longest
from typing import Final

from .. import moderation
from ..interfaces import Listener
from ..member import Member
from ..membership import Membership
from ..messages import ChatError, ErrorCode, Kind, Message
from ..modes import Mode
from ..room import Room
from .capabilities import INVITE_NOTIFY, MULTI_PREFIX, USERHOST_IN_NAMES
from .connection import Command, IRCConnection, room_of
from .grammar import MAX_LINE, Line, without_formatting
from .isupport import MAX_TARGETS
from .numerics import Reply
from .people import clients
from .render import channel_of

_MAX_NAMES: Final = 1 << 18  # bytes of names in one answer, which must fit into the write queue


def _join(client: IRCConnection, line: Line) -> None:
    member = member_of(client)
    if line.param(0) == "0":  # leave all channels (RFC 2812 section 3.2.1)
        for room in member.rooms:
            _leave(client, room, "")
        return
    channels, keys = _words(line.param(0)), line.param(1).split(",")
    if not channels:
        client.reply(Reply.NEEDMOREPARAMS, line.command)
    for channel, key in zip_longest(channels, keys[: len(channels)], fillvalue=""):
        try:
            room = member.join(room_of(channel), key, welcome=False)
        except ChatError as exc:
            if exc.code is ErrorCode.BAD_NAME:
                client.reply(Reply.BADCHANMASK, channel)
            elif exc.code is not ErrorCode.IN_ROOM_ALREADY:
                client.refuse(exc, line, channel=channel)
        else:
            if room.topic:
                _send_topic(client, room)
            _send_names(client, room)


def _part(client: IRCConnection, line: Line) -> None:
    channels = _words(line.param(0))
    if not channels:
        client.reply(Reply.NEEDMOREPARAMS, line.command)
    for channel in channels:
        try:
            room = own_room(client, channel)
        except ChatError as exc:
            client.refuse(exc, line, channel=channel)
        else:
            _leave(client, room, without_formatting(line.param(1)))


def _leave(client: IRCConnection, room: Room, reason: str) -> None:
    member = member_of(client)
    reason = reason[: member.hub.limits.topic_length]
    member.part(room.name, reason)
    client.show(Message(Kind.LEFT, member.hub.clock(), room.name, member.name, reason))


def _topic(client: IRCConnection, line: Line) -> None:
    try:
        _show_or_set_topic(client, line)
    except ChatError as exc:
        client.refuse(exc, line, channel=line.param(0))


def _show_or_set_topic(client: IRCConnection, line: Line) -> None:
    member = member_of(client)
    room = member.where(room_of(line.param(0)))
    if len(line.params) > 1:
        limit = member.hub.limits.topic_length
        member.set_topic(without_formatting(line.param(1))[:limit], room.name)
    elif Mode.SECRET in room.rules.flags and member not in room.members:
        raise ChatError("You are not there", ErrorCode.NOT_IN_ROOM)
    elif room.topic:
        _send_topic(client, room)
    else:
        client.reply(Reply.NOTOPIC, channel_of(room.name))


def _send_topic(client: IRCConnection, room: Room) -> None:
    channel = channel_of(room.name)
    client.reply(Reply.TOPIC, channel, room.topic)
    client.reply(Reply.TOPICWHOTIME, channel, room.topic_setter, str(int(room.topic_time)))


def _names(client: IRCConnection, line: Line) -> None:
    member = member_of(client)
    channels = _words(line.param(0))
    if not channels:
        client.reply(Reply.ENDOFNAMES, "*")
    for channel in channels[:MAX_TARGETS]:
        room = member.hub.rooms.get(channel[1:].lower()) if channel.startswith("#") else None
        secret = room is not None and Mode.SECRET in room.rules.flags
        if room is None or (secret and member not in room.members):
            client.reply(Reply.ENDOFNAMES, channel)
        else:
            _send_names(client, room)


def _send_names(client: IRCConnection, room: Room) -> None:
    channel = channel_of(room.name)
    symbol = "@" if Mode.SECRET in room.rules.flags else "="
    size = MAX_LINE - len(f":{client.server.name} 353 {client.nick} {symbol} {channel} :\r\n")
    words: list[str] = []
    used = total = count = 0
    for listener in room.known(member_of(client)):
        count += 1
        name = listener.mask if USERHOST_IN_NAMES in client.capabilities else listener.name
        word = prefix_of(room, listener, client) + name
        if used + len(word) > size:
            client.reply(Reply.NAMREPLY, symbol, channel, " ".join(words))
            total += used
            words, used = [], 0
            if total > _MAX_NAMES:
                break
        words.append(word)
        used += len(word) + 1
    if words:
        client.reply(Reply.NAMREPLY, symbol, channel, " ".join(words))
    client.reply(Reply.ENDOFNAMES, channel)
    client.charge(count)


def prefix_of(room: Room, listener: Listener, viewer: IRCConnection) -> str:
    """Return the prefix of ``listener`` in ``room``: ``@``, ``+`` or both. ``viewer`` gets both
    only with multi-prefix."""
    membership = room.members[listener]
    if membership is Membership.PLAIN:
        return ""
    signs = "@" * (Membership.OPERATOR in membership) + "+" * (Membership.VOICE in membership)
    return signs if MULTI_PREFIX in viewer.capabilities else signs[:1]


def _kick(client: IRCConnection, line: Line) -> None:
    member = member_of(client)
    channels, nicks = line.param(0).split(","), _words(line.param(1))
    if len(channels) == 1:
        channels *= len(nicks)
    if not nicks or len(channels) != len(nicks):
        client.reply(Reply.NEEDMOREPARAMS, line.command)
        return
    if len(nicks) > MAX_TARGETS:
        client.reply(Reply.TOOMANYTARGETS, line.param(1))
        return
    for channel, nick in zip(channels, nicks, strict=True):
        try:
            reason = without_formatting(line.param(2))
            moderation.kick(member, nick, reason, own_room(client, channel).name)
        except ChatError as exc:
            client.refuse(exc, line, nick=nick, channel=channel)


def _invite(client: IRCConnection, line: Line) -> None:
    member = member_of(client)
    if not line.params:
        for room in client.server.hub.invitations(member):
            client.reply(Reply.INVITELIST, channel_of(room.name))
        client.reply(Reply.ENDOFINVITELIST)
        return
    nick, channel = line.param(0), line.param(1)
    if not channel:
        client.reply(Reply.NEEDMOREPARAMS, line.command)
        return
    try:
        room = member.where(room_of(channel))
        moderation.invite(member, nick, room.name)
    except ChatError as exc:
        client.refuse(exc, line, nick=nick, channel=channel)
        return
    other = member.hub.find(nick)
    client.reply(Reply.INVITING, other.name, channel)
    if other.away:
        client.reply(Reply.AWAY, other.name, other.away)
    others = list(clients(room.members, INVITE_NOTIFY))
    client.charge(len(room.members) // 4 + len(others))
    for listener in others:
        if listener is not client:
            listener.send(line.command, other.name, channel_of(room.name), source=member.mask)


def member_of(client: IRCConnection) -> Member:
    """Return the member of a client that has registered."""
    assert client.member is not None
    return client.member


def own_room(client: IRCConnection, channel: str) -> Room:
    """Return the room that is ``channel``. Raises ChatError if the client is not in it."""
    member = member_of(client)
    room = member.where(room_of(channel))
    if member not in room.members:
        raise ChatError(f"You are not in {room.name}", ErrorCode.NOT_IN_ROOM)
    return room


def _words(param: str) -> list[str]:
    """Return the words in a list that commas separate, each once."""
    return list(dict.fromkeys([word for word in param.split(",") if word]))


COMMANDS: Final = {
    "INVITE": Command(_invite),
    "JOIN": Command(_join, min_params=1),
    "KICK": Command(_kick, min_params=2),
    "NAMES": Command(_names),
    "PART": Command(_part, min_params=1),
    "TOPIC": Command(_topic, min_params=1),
}
