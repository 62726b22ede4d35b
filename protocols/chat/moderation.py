"""What a room's operators do: put members out, keep them out, let them in, and change the modes.

Each function acts for ``member`` in the room called ``room``, or in its only one. It raises
ChatError if ``member`` may not do that. The lobby has no operators, so nobody may do it there.
"""

from __future__ import annotations

import re

from .member import Member
from .membership import Membership
from .messages import Batch, ChatError, ErrorCode, Kind
from .modes import FLAGS, Ban, Mode, compiled, full_mask
from .room import Room

_VISIBLE = re.compile(r"[!-~]+")

_GRANTS = {Mode.OPERATOR: Membership.OPERATOR, Mode.VOICE: Membership.VOICE}


def kick(member: Member, name: str, reason: str = "", room: str | None = None) -> None:
    """Put the member called ``name`` out of the room."""
    place = _as_operator(member, room)
    other = _present(member, name, place)
    reason = reason[: member.hub.limits.topic_length]
    place.report(member, Kind.KICKED, reason, other)
    other.catch_up()
    member.hub.expel(other, place)


def invite(member: Member, name: str, room: str | None = None) -> None:
    """Invite the member called ``name`` into the room.

    An invitation lets it in once. One by an operator does so even if the room is open only to those
    who are invited, or if a ban describes the member.
    """
    place = member.where(room)
    if not place.owned:
        raise ChatError(f"{place.name} is open to all")
    membership = place.members.get(member)
    if membership is None:
        raise ChatError(f"You are not in {place.name}", ErrorCode.NOT_IN_ROOM)
    by_operator = Membership.OPERATOR in membership
    if Mode.INVITED in place.rules.flags and not by_operator:
        raise ChatError(f"Only operators invite others into {place.name}", ErrorCode.NOT_OPERATOR)
    other = member.hub.find(name)
    if other in place.members:
        raise ChatError(
            f"{other.name} is in {place.name} already", ErrorCode.MEMBER_IN_ROOM_ALREADY
        )
    message = member.hub.deliveries.message(
        Kind.INVITED, place.name, member.name, target=other.name
    )
    if not other.wanted((message,)):
        return
    member.hub.invite(other, place, by_operator=by_operator)
    other.answer(Batch((message,)))


def set_mode(
    member: Member, mode: Mode, *, on: bool, value: str = "", room: str | None = None
) -> None:
    """Set ``mode``, or clear it. ``value``: of a mode that has one.

    Nothing happens if the mode is so already.
    """
    if mode is Mode.BAN:
        (ban if on else unban)(member, value, room)
        return
    place = _as_operator(member, room)
    if mode in _GRANTS:
        _grant(member, place, mode, value, on=on)
    elif mode in FLAGS:
        if place.rules.set_flag(mode, on=on):
            _report(member, place, mode, on=on)
    elif mode is Mode.KEY:
        _set_key(member, place, value if on else "")
    else:
        _set_limit(member, place, value if on else "0")


def ban(member: Member, who: str, room: str | None = None) -> None:
    """Keep ``who`` out of the room, and silent in it. ``who`` is a name or a mask.

    A name stands for its member's address, too, if it is not on the server's machine. So a new name
    does not help.
    """
    place = _as_operator(member, room)
    limits = member.hub.limits
    if who.count("*") > limits.mask_stars:
        raise ChatError(f"A mask has at most {limits.mask_stars} stars")
    if not _VISIBLE.fullmatch(who) or len(who) > limits.mask_length:
        raise ChatError(
            f"A mask has 1 to {limits.mask_length} characters, without spaces: bob, or b*!*@*"
        )
    new = _ban_of(member, who)
    if new.mask.lower() in place.rules.bans:
        raise ChatError(f"{who} is banned from {place.name} already", ErrorCode.NO_CHANGE)
    if len(place.rules.bans) >= limits.bans:
        raise ChatError(
            f"{place.name} has {limits.bans} bans: /unban NAME removes one", ErrorCode.LIST_FULL
        )
    place.rules.add_ban(new)
    _report(member, place, Mode.BAN, new.mask, on=True, names=(new.name or new.mask,))


def unban(member: Member, who: str, room: str | None = None) -> None:
    """Let ``who``, a name or a mask, into the room again."""
    place = _as_operator(member, room)
    mask = full_mask(who).lower()
    found = [
        ban
        for ban in place.rules.bans.values()
        if ban.mask.lower() == mask or ban.name.lower() == who.lower()
    ]
    if not found:
        raise ChatError(
            f"No ban of {place.name} is for {who[:40]}: /ban lists them", ErrorCode.NO_CHANGE
        )
    for old in found:
        place.rules.remove_ban(old)
        _report(member, place, Mode.BAN, old.mask, on=False, names=(old.name or old.mask,))


def _as_operator(member: Member, room: str | None) -> Room:
    """Return the room, in which ``member`` decides."""
    place = member.where(room)
    if not place.owned:
        raise ChatError(f"{place.name} has no operators", ErrorCode.NOT_OPERATOR)
    if member not in place.operators:
        raise ChatError(
            f"Only operators of {place.name} can do this: /mode lists them", ErrorCode.NOT_OPERATOR
        )
    place.check_load()
    return place


def _present(member: Member, name: str, place: Room) -> Member:
    other = member.hub.find(name)
    if other not in place.members:
        raise ChatError(f"{other.name} is not in {place.name}", ErrorCode.MEMBER_NOT_IN_ROOM)
    return other


def _report(
    member: Member,
    place: Room,
    mode: Mode,
    value: str = "",
    *,
    on: bool,
    names: tuple[str, ...] = (),
) -> None:
    place.report(member, Kind.MODE, f"{'+' if on else '-'}{mode.value}", value, names)


def _grant(member: Member, place: Room, mode: Mode, name: str, *, on: bool) -> None:
    other = _present(member, name, place)
    last = mode is Mode.OPERATOR and not on and place.operators == {other}
    if last and len(place.members) > 1:
        raise ChatError(f"{other.name} is the only operator: make somebody else one first")
    if place.grant(other, _GRANTS[mode], on=on):
        place.report(member, Kind.MODE, f"{'+' if on else '-'}{mode.value}", other)


def _set_key(member: Member, place: Room, key: str) -> None:
    limit = member.hub.limits.key_length
    if len(key) > limit or (key and not _VISIBLE.fullmatch(key)):
        raise ChatError(f"A key has 1 to {limit} characters, without spaces")
    if key != place.rules.key:
        place.rules.key = key
        _report(member, place, Mode.KEY, key, on=bool(key))


def _set_limit(member: Member, place: Room, value: str) -> None:
    if not re.fullmatch(r"[0-9]{1,6}", value):
        raise ChatError("A limit is a number of members")
    limit = int(value)
    if limit != place.rules.limit:
        place.rules.limit = limit
        _report(member, place, Mode.LIMIT, value if limit else "", on=bool(limit))


def _ban_of(member: Member, who: str) -> Ban:
    name = "" if set(who) & set("*?!@") else who
    mask = full_mask(who)
    if name:
        other = member.hub.members.get(name.lower())
        if other is not None and other.origin is not None:
            name, mask = other.name, f"*!*@{other.host}"
    return Ban(mask, name, member.name, member.hub.clock(), compiled(mask))
