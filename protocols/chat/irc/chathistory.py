"""CHATHISTORY: the last lines of a channel, from the history of its room.

A client asks for them when it has been away, or when its user scrolls up
(https://ircv3.net/specs/extensions/chathistory). No history has private lines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from ..messages import ChatError, Message
from . import selection
from .capabilities import BATCH
from .channels import member_of
from .connection import Command, IRCConnection, room_of
from .grammar import Line
from .labels import in_batch
from .render import LINE_END, channel_of, server_time
from .selection import Point, parse_point

_Select = Callable[[Sequence[Message], Point, int], Sequence[Message]]

_BY_POINT: Final[dict[str, _Select]] = {
    "BEFORE": selection.before,
    "AFTER": selection.after,
    "AROUND": selection.around,
}


class _Refused(Exception):
    """A request that fails: the code and the context of a standard reply, and a text."""

    def __init__(self, code: str, *context: str, text: str) -> None:
        super().__init__(text)
        self.params = (code, *context, text)


def _chathistory(client: IRCConnection, line: Line) -> None:
    subcommand = line.param(0).upper()
    try:
        if subcommand == "TARGETS":
            _send_targets(client, line)
        elif subcommand in {"LATEST", "BETWEEN"} or subcommand in _BY_POINT:
            _send_lines(client, line, subcommand)
        else:
            raise _Refused("INVALID_PARAMS", line.param(0) or "*", text="Unknown subcommand")
    except _Refused as exc:
        client.send("FAIL", line.command, *exc.params)


def _send_lines(client: IRCConnection, line: Line, subcommand: str) -> None:
    points = 2 if subcommand == "BETWEEN" else 1
    if len(line.params) < points + 3:
        raise _Refused("NEED_MORE_PARAMS", subcommand, text="Missing parameters")
    target = line.param(1)
    member = member_of(client)
    limit = _limit(client, subcommand, line.param(points + 2))
    if subcommand == "LATEST":
        start = None if line.param(2) == "*" else _point(subcommand, line.param(2))
    else:
        start = _point(subcommand, line.param(2))
    end = _point(subcommand, line.param(3)) if points == 2 else None
    try:
        batch = member.history(room_of(target))
    except ChatError:
        text = "Messages could not be retrieved"
        raise _Refused("INVALID_TARGET", subcommand, target, text=text) from None
    messages = batch.messages if batch is not None else ()
    if start is None or subcommand == "LATEST":
        found = selection.latest(messages, start, limit)
    elif end is not None:
        found = selection.between(messages, start, end, limit)
    else:
        found = _BY_POINT[subcommand](messages, start, limit)
    _send_batch(client, client.rendered(found), "chathistory", target)


def _send_targets(client: IRCConnection, line: Line) -> None:
    """Answer with the channels whose last line was said between two points in time."""
    if len(line.params) < 4:
        raise _Refused("NEED_MORE_PARAMS", "TARGETS", text="Missing parameters")
    start, end = (_point("TARGETS", text, only_time=True) for text in line.params[1:3])
    if end.value < start.value:
        start, end = end, start
    limit = _limit(client, "TARGETS", line.param(3))
    member = member_of(client)
    found: list[tuple[int, str, float]] = []
    for room in member.rooms:
        batch = member.history(room.name)
        if batch is not None:
            last = batch.messages[-1]
            if start.precedes(last) and end.follows(last):
                found.append((last.id, channel_of(room.name), last.time))
    lines = [
        f"CHATHISTORY TARGETS {channel} {server_time(when)}{LINE_END}"
        for _, channel, when in sorted(found)[:limit]
    ]
    _send_batch(client, "".join(lines).encode(), "draft/chathistory-targets")


def _send_batch(client: IRCConnection, lines: bytes, *kind: str) -> None:
    """Send ``lines`` as a batch, if the client supports batches."""
    if BATCH not in client.capabilities:
        client.write(lines)
        return
    batch = client.server.next_batch()
    client.send("BATCH", f"+{batch}", *kind)
    client.write(in_batch(batch, lines))
    client.send("BATCH", f"-{batch}")


def _point(subcommand: str, text: str, *, only_time: bool = False) -> Point:
    kind = text.partition("=")[0]
    allowed = {"timestamp"} if only_time else {"timestamp", "msgid"}
    if kind not in allowed:
        text = f"Use {' or '.join(sorted(allowed))}"
        raise _Refused("INVALID_MSGREFTYPE", subcommand, kind.partition(" ")[0] or "*", text=text)
    point = parse_point(text)
    if point is None:
        raise _Refused("INVALID_PARAMS", subcommand, text="That names no message and no time")
    return point


def _limit(client: IRCConnection, subcommand: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or not 0 < len(text) < 10 or int(text) < 1:
        raise _Refused("INVALID_PARAMS", subcommand, text="The limit is a number of messages")
    return min(int(text), client.server.hub.limits.history)


COMMANDS: Final = {"CHATHISTORY": Command(_chathistory)}
