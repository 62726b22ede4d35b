"""LIST: the channels, with how many are in each, and their topics."""

from __future__ import annotations

from typing import Final

from ..lists import visible_rooms
from .channels import member_of
from .connection import Command, IRCConnection
from .elist import parse_conditions
from .grammar import Line
from .numerics import Reply
from .render import channel_of


def _list(client: IRCConnection, line: Line) -> None:
    """Answer ``LIST [conditions]``: see ``elist.py``. A room that is empty is no channel."""
    viewer = member_of(client)
    now = viewer.hub.clock()
    wanted = parse_conditions(line.param(0))
    client.reply(Reply.LISTSTART, "Channel", "Users  Name")
    rooms = visible_rooms(viewer)
    for room in rooms:
        if room.members and wanted(room, now):
            name, count = channel_of(room.name), str(len(room.members))
            client.reply(Reply.LIST, name, count, room.topic)
    client.reply(Reply.LISTEND)
    client.charge(2 * len(rooms))


COMMANDS: Final = {"LIST": Command(_list)}
