"""MODE: the modes of channels and of the client itself.

``MODE #tea`` asks for the modes, ``MODE #tea b`` for the bans; ``MODE #tea +ov alice bob`` makes
two changes. Only alice can use ``MODE alice +i``.
"""

from __future__ import annotations

import re
from typing import Final

from .. import moderation
from ..member import Member
from ..messages import ChatError, ErrorCode
from ..modes import Mode
from ..room import Room
from .changes import MODES, Change, parse_changes
from .channels import member_of
from .connection import Command, IRCConnection, room_of
from .grammar import Line
from .numerics import Reply
from .render import CHANNEL_PREFIX, channel_of
from .user_modes import LETTERS, UserMode, describe

_WHAT_IS_WRONG: Final = {
    Mode.OPERATOR: "Give a nickname",
    Mode.VOICE: "Give a nickname",
    Mode.KEY: "Give a key without spaces",
    Mode.LIMIT: "Give a number of members",
}
_LIMIT: Final = re.compile(r"0*[1-9][0-9]{0,5}", re.ASCII)


def _mode(client: IRCConnection, line: Line) -> None:
    """Answer ``MODE target [changes [value]...]``."""
    target = line.param(0)
    if target.startswith(CHANNEL_PREFIX):
        _channel_mode(client, line, target)
    else:
        _user_mode(client, line, target)


# Of a channel


def _channel_mode(client: IRCConnection, line: Line, channel: str) -> None:
    member = member_of(client)
    room = member.hub.find_room(room_of(channel))
    if len(line.params) == 1:
        _send_modes(client, member, room)
        return
    denied = False
    for change in parse_changes(line.params[1:]):
        if change.asks_for_list:
            _send_bans(client, room)
        elif change.letter not in MODES:
            client.reply(
                Reply.UNKNOWNMODE, change.letter, f"is unknown mode char to me for {channel}"
            )
        elif not denied:
            denied = _change(client, line, room, change)


def _send_modes(client: IRCConnection, member: Member, room: Room) -> None:
    rules = room.rules
    letters = rules.describe()
    known = member in room.members  # others may not see the key, which stands before the limit
    values = [rules.key if known else "*"] if rules.key else []
    if rules.limit:
        values.append(str(rules.limit))
    client.reply(Reply.CHANNELMODEIS, channel_of(room.name), letters, *values)
    client.reply(Reply.CREATIONTIME, channel_of(room.name), str(int(room.created)))


def _send_bans(client: IRCConnection, room: Room) -> None:
    channel = channel_of(room.name)
    for ban in room.rules.bans.values():
        client.reply(Reply.BANLIST, channel, ban.mask, ban.setter, str(int(ban.time)))
    client.reply(Reply.ENDOFBANLIST, channel)


def _change(client: IRCConnection, line: Line, room: Room, change: Change) -> bool:
    """Make one change. Return whether the member may make none at all."""
    what = MODES[change.letter]
    value = change.value or ""
    channel = channel_of(room.name)
    try:
        if change.lacks_value or _is_wrong(what, change):
            raise ChatError(_WHAT_IS_WRONG[what])
        moderation.set_mode(member_of(client), what, on=change.on, value=value, room=room.name)
    except ChatError as exc:
        if exc.code is ErrorCode.OTHER:
            shown = value if what is not Mode.KEY and _is_one_word(value) else "*"
            client.reply(Reply.INVALIDMODEPARAM, channel, change.letter, shown, str(exc))
        elif exc.code is not ErrorCode.NO_CHANGE:  # other servers do not report this either
            client.refuse(exc, line, nick=value, channel=channel)
        return exc.code in {ErrorCode.NOT_OPERATOR, ErrorCode.NOT_IN_ROOM, ErrorCode.BUSY}
    return False


def _is_wrong(what: Mode, change: Change) -> bool:
    """Return whether a value is invalid that the hub would treat as missing."""
    value = change.value
    if not change.on or value is None:
        return False
    return (what is Mode.KEY and not value) or (what is Mode.LIMIT and not _LIMIT.fullmatch(value))


def _is_one_word(value: str) -> bool:
    """Return whether ``value`` may stand before other parameters."""
    return bool(value) and " " not in value and not value.startswith(":")


# Of the client itself


def _user_mode(client: IRCConnection, line: Line, name: str) -> None:
    member = member_of(client)
    if name.lower() != member.name.lower():
        if name.lower() in member.hub.members:
            client.reply(Reply.USERSDONTMATCH)
        else:
            client.reply(Reply.NOSUCHNICK, name)
        return
    if len(line.params) == 1:
        client.reply(Reply.UMODEIS, describe(client.modes))
        return
    modes = client.modes
    unknown = False
    on = True
    for letter in line.param(1):
        if letter in "+-":
            on = letter == "+"
        elif letter not in LETTERS:
            unknown = True
        elif not on:
            modes &= ~LETTERS[letter]
        elif letter != "o":  # only OPER grants it (RFC 2812 section 3.1.5)
            modes |= LETTERS[letter]
    change_modes(client, modes)
    if unknown:
        client.reply(Reply.UMODEUNKNOWNFLAG)


def change_modes(client: IRCConnection, modes: UserMode) -> None:
    """Give the client ``modes``, and send it what has changed."""
    added, removed = modes & ~client.modes, client.modes & ~modes
    client.set_modes(modes)
    text = describe(added) if added else ""
    if removed:
        text += describe(removed).replace("+", "-")
    if text:
        client.send("MODE", client.nick, text, source=member_of(client).mask)


COMMANDS: Final = {"MODE": Command(_mode, min_params=1)}
