"""WHO, and its longer form WHOX: lists of members, with details about each.

``WHO #tea`` lists a channel. ``WHO alice`` finds her even if she is invisible, ``WHO al*`` only if
not. ``WHO #tea %tcuhnf,123`` asks for some fields only, and gives the list a number
(https://ircv3.net/specs/extensions/whox).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final

from ..lists import is_visible
from ..member import Member
from ..modes import compiled
from ..room import Room
from .channels import member_of, prefix_of
from .connection import Command, IRCConnection
from .grammar import Line
from .numerics import Reply
from .people import is_hidden, is_operator, seconds_idle, visible_rooms_of
from .render import CHANNEL_PREFIX, channel_of

MAX_REPLIES: Final = 1000  # about 100 KB; if there are more, the client gets TOOMANYMATCHES
STEPS_PER_ROW: Final = 5  # the cost of writing one, compared with looking at a member
MAX_STARS: Final = 5  # in a mask: the time to match it grows with them

# The hosts of members hide their addresses, and so does this.
_HIDDEN_ADDRESS: Final = "255.255.255.255"
_HOPS: Final = "0"  # there are no other servers


class _Row:
    """One reply, about ``member``. ``room``: the one to show, or None."""

    def __init__(self, client: IRCConnection, member: Member, room: Room | None) -> None:
        self._client = client
        self.member = member
        self._room = room

    @property
    def channel(self) -> str:
        return "*" if self._room is None else channel_of(self._room.name)

    @property
    def flags(self) -> str:
        member, room = self.member, self._room
        flags = "G" if member.away else "H"
        if is_operator(member):
            flags += "*"
        if room is not None:
            flags += prefix_of(room, member, self._client)
        return flags

    def params(self) -> tuple[str, ...]:
        """The parameters of 352."""
        member = self.member
        return (
            self.channel,
            member.user,
            member.host,
            self._client.server.name,
            member.name,
            self.flags,
            f"{_HOPS} {member.realname}",
        )

    def fields(self, wanted: str, token: str) -> tuple[str, ...]:
        """The parameters of 354: the ``wanted`` fields, in the order of the specification."""
        return tuple([get(self, token) for letter, get in _FIELDS.items() if letter in wanted])

    @property
    def server(self) -> str:
        return self._client.server.name


_FIELDS: Final[dict[str, Callable[[_Row, str], str]]] = {
    "t": lambda _, token: token,
    "c": lambda row, _: row.channel,
    "u": lambda row, _: row.member.user,
    "i": lambda *_: _HIDDEN_ADDRESS,
    "h": lambda row, _: row.member.host,
    "s": lambda row, _: row.server,
    "n": lambda row, _: row.member.name,
    "f": lambda row, _: row.flags,
    "d": lambda *_: _HOPS,
    "l": lambda row, _: str(seconds_idle(row.member)),
    "a": lambda *_: "0",  # nobody has an account
    "o": lambda *_: "n/a",
    "r": lambda row, _: row.member.realname,
}


def _who(client: IRCConnection, line: Line) -> None:
    """Answer ``WHO [mask [o | %fields[,token]]]``."""
    mask = line.param(0) or "*"
    flags, percent, rest = line.param(1).partition("%")
    wanted, _, token = rest.partition(",")
    rows = _rows(client, mask, operators="o" in flags)
    count = 0
    for row in islice(rows, MAX_REPLIES):
        count += 1
        if percent:
            client.reply(Reply.WHOSPCRPL, *row.fields(wanted.lower(), token or "0"))
        else:
            client.reply(Reply.WHOREPLY, *row.params())
    if next(rows, None) is not None:
        client.reply(Reply.TOOMANYMATCHES, "WHO", mask)
    client.reply(Reply.ENDOFWHO, mask)
    client.charge(STEPS_PER_ROW * count)


def _rows(client: IRCConnection, mask: str, *, operators: bool) -> Iterator[_Row]:
    """Yield a row for each member that ``mask`` matches. ``operators``: only server operators."""
    viewer = member_of(client)
    if mask.startswith(CHANNEL_PREFIX):
        room = viewer.hub.rooms.get(mask.removeprefix(CHANNEL_PREFIX).lower())
        if room is not None and is_visible(room, viewer):
            client.charge(len(room.members) if operators else 0)
            for member in room.known(viewer):
                if not isinstance(member, Member) or (operators and not is_operator(member)):
                    continue
                if not is_hidden(member, viewer):
                    yield _Row(client, member, room)
        return
    if mask.lower() not in viewer.hub.members:
        client.charge(len(viewer.hub.members))
    for member in _matching(viewer, mask, operators=operators):
        rooms = visible_rooms_of(member, viewer)
        shared = [room for room in rooms if viewer in room.members]
        yield _Row(client, member, next(iter(shared or rooms), None))


def _matching(viewer: Member, mask: str, *, operators: bool) -> Iterator[Member]:
    """Return the members that ``mask`` matches, by nick, user name, real name or, for operators,
    host."""
    exact = viewer.hub.members.get(mask.lower())
    members = (exact,) if exact is not None else tuple(viewer.hub.members.values())
    if operators:
        members = tuple([member for member in members if is_operator(member)])
    if exact is not None:
        return iter(members)
    visible = (member for member in members if not is_hidden(member, viewer))
    if mask in {"*", "0"}:
        return visible
    if mask.count("*") > MAX_STARS:
        return iter(())
    matches = compiled(mask).fullmatch
    with_hosts = is_operator(viewer)  # a host takes longer to compute than all the rest
    return (
        member
        for member in visible
        if matches(member.name)
        or matches(member.user)
        or matches(member.realname)
        or (with_hosts and matches(member.host))
    )


COMMANDS: Final = {"WHO": Command(_who)}
