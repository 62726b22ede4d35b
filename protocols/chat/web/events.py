"""The events that the server sends, as JSON. ``docs/guide/chat-events.rst`` describes them.

Each frame is an array of events. A batch becomes one frame, which is rendered once for all the
members that get it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final

from protocols.websocket import Message as Frame

from ..commands import commands_for
from ..member import Member
from ..membership import Membership
from ..messages import Batch, ChatError, Kind, Message
from ..room import Room

SUBPROTOCOL: Final = "chat.v1+json"

MAX_MEMBERS_SHOWN: Final = 1000  # in a snapshot of a room
MAX_AWAY_SHOWN: Final = 40  # characters for each of them
MAX_AWAY_SIZE: Final = 4096  # characters for all of them
MAX_ROOMS_SHOWN: Final = 1000

Event = dict[str, Any]

_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class BatchFrame(Frame):
    """The frame of a batch. ``size``: in characters. ``personal``: the messages that a session has
    to look at: private lines, and those about members who were kicked."""

    __slots__ = ("personal", "size")

    def __init__(self, messages: tuple[Message, ...]) -> None:
        text = encode([_event(message) for message in messages])
        super().__init__(text)
        self.size = len(text)
        self.personal = tuple([message for message in messages if _is_personal(message)])


def _is_personal(message: Message) -> bool:
    kind = message.kind
    return kind is Kind.PRIVATE or kind is Kind.KICKED or (kind is Kind.NOTE and not message.room)


def lines(messages: Iterable[Message]) -> list[Event]:
    """Return the events for ``messages``."""
    return [_event(message) for message in messages]


def encode(events: Iterable[Event]) -> str:
    """Return the text of a frame with ``events``."""
    return _encode(list(events))


def _event(message: Message) -> Event:
    """Return the event for ``message``, without empty fields."""
    kind, time, room, sender, text, target, number, names, _ = message
    event: Event = {"type": kind.value, "time": round(time, 3)}
    if number:
        event["id"] = number
    if room:
        event["room"] = room
    if sender:
        event["sender"] = sender
    if text:
        event["text"] = text
    if target:
        event["target"] = target
    if names:
        event["names"] = names
    return event


def welcome(member: Member, *, session: str, resumed: bool, received: int, server: int) -> Event:
    """Return the answer to ``hello``."""
    limits = member.hub.limits
    return {
        "type": "welcome",
        "name": member.name,
        "session": session,
        "resumed": resumed,
        "received": received,
        "server": server,
        "limits": {
            "text": limits.text_length,
            "name": limits.name_length,
            "topic": limits.topic_length,
            "away": limits.topic_length,
        },
        "commands": [
            {"name": name, "usage": command.usage, "summary": command.summary}
            for name, command in commands_for(member).items()
        ],
    }


def snapshot(room: Room, viewer: Member) -> Event:
    """Return the state of ``room``, as far as ``viewer`` may know it."""
    known: Iterator[Any] = room.known(viewer)
    shown: list[dict[str, Any]] = []
    away_size = 0
    memberships = room.members
    for member in islice(known, MAX_MEMBERS_SHOWN):
        if memberships[member] is Membership.PLAIN and not member.away:  # a shortcut for most
            shown.append({"name": member.name})
            continue
        described = _described(room, member)
        away = described.get("away", "")
        away_size += len(away)
        if away_size > MAX_AWAY_SIZE and away:
            described["away"] = "\u2026"
        shown.append(described)
    event: Event = {
        "type": "room",
        "room": room.name,
        "modes": room.rules.describe(),
        "count": len(shown) + sum(1 for _ in known),
        "members": shown,
    }
    if room.topic:
        event["topic"] = room.topic
        event["topic_setter"] = room.topic_setter
    return event


def _described(room: Room, member: Any) -> dict[str, Any]:
    described: dict[str, Any] = {"name": member.name}
    membership = room.members[member]
    if Membership.OPERATOR in membership:
        described["role"] = "operator"
        if Membership.VOICE in membership:
            described["voice"] = True
    elif Membership.VOICE in membership:
        described["role"] = "voice"
    if member.away:
        described["away"] = member.away[:MAX_AWAY_SHOWN]
    return described


def history(room: Room, batch: Batch | None, *, complete: bool, without: frozenset[int]) -> Event:
    """Return the lines of ``batch``, but none whose id is in ``without``. ``complete``: whether no
    line is missing after the one that was asked for."""
    messages = batch.messages if batch is not None else ()
    return {
        "type": "history",
        "room": room.name,
        "events": [_event(message) for message in messages if message.id not in without],
        "complete": complete,
    }


def rooms(visible: Iterable[Room]) -> Event:
    """Return the list of the rooms."""
    listed = []
    for room in islice(visible, MAX_ROOMS_SHOWN):
        described: dict[str, Any] = {"name": room.name, "count": len(room.members)}
        if room.topic:
            described["topic"] = room.topic
        listed.append(described)
    return {"type": "rooms", "rooms": listed}


def parted(room: str) -> Event:
    """Return the event for a room that the member is no longer in."""
    return {"type": "parted", "room": room}


def ack(ref: int) -> Event:
    """Return the event for a line that was executed."""
    return {"type": "ack", "ref": ref}


def notice(text: str) -> Event:
    """Return a notice by the server."""
    return {"type": "notice", "text": text}


def error(exc: ChatError, ref: int | None = None) -> Event:
    """Return the event for a request that failed. ``ref``: of the line, if it was one."""
    event: Event = {"type": "error", "text": str(exc), "code": exc.code.value}
    if ref is not None:
        event["ref"] = ref
    return event


def pong() -> Event:
    """Return the answer to a ping."""
    return {"type": "pong"}


def closed(text: str, *, retry: bool) -> Event:
    """Return the last event. ``retry``: whether it makes sense to connect again."""
    return {"type": "closed", "text": text, "retry": retry}
