"""State documents for the page, as the inspector's server would send them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Document = dict[str, Any]

HELLO: Document = {
    "version": 1,
    "title": "chat",
    "pid": 4711,
    "python": "3.11.7",
    "reactor": "0.1.0",
    "poller": "EpollPoller",
    "started": 1_700_000_000.0,
    "token": "secret",
    "watchdog": 0.1,
    "strip": {"interval": 0.25, "buckets": 240},
}
NOW = 1000.0  # seconds of the loop's clock
HIGH = 64 << 10  # the high-water mark, in bytes
LIMIT = HIGH + (1 << 20)


def document(**changes: Any) -> Document:
    """A chat that runs, with three connections. ``changes``: other parts of it."""
    state: Document = {
        "loop": {
            "time": NOW, "wall": 1_700_000_100.0, "running": True, "stopping": False,
            "catching_up": False, "debug": False,
        },
        "stats": {
            "turns": 123_456, "wait_time": 950.2, "work_time": 49.1, "stalled_time": 0.0,
            "accepted": 12, "refused": 0, "connections": 3, "lingering": 0,
            "bytes_received": 1_234_567, "bytes_sent": 9_876_543, "writes_dropped": 0,
            "datagrams_received": 0, "datagrams_sent": 0, "datagrams_dropped": 0,
        },
        "control": {
            "mode": "running", "turns_per_second": None, "recording": None, "recorded": False,
            "stepping": False,
        },
        "turn": TURN,
        "turns": [],
        "pending": None,
        "steps": {
            "seconds": [0.0011, 0.91, 0.0004, 0.052, 0.0021, 0.0063, 0.028, 0.0002],
            "of": 1.0,
        },
        "strip": strip(),
        "descriptors": table([listener(6), *(connection(fd) for fd in (8, 9, 10))]),
        "timers": {
            "next": [
                {"name": "Chat.rotate_log", "kind": "timer", "at": NOW + 1.5},
                {"name": "Session.expire", "kind": "idle timer", "at": NOW + 4.2},
                {"name": "Session.expire", "kind": "idle timer", "at": NOW + 4.3},
                {"name": "Limits.refill", "kind": "timer", "at": NOW + 7.0},
            ],
            "total": 9, "idle": 5, "cancelled": 2,
            "fired": [{"name": "Limits.refill", "kind": "timer", "at": NOW - 1.2, "took": 12e-6}],
        },
        "callbacks": {"next": [], "total": 0},
        "slowest": [
            {"name": "Chat.data_received", "calls": 5210, "seconds": 2.31, "longest": 0.012},
            {"name": "Limits.refill", "calls": 60, "seconds": 0.004, "longest": 0.0002},
        ],
        "blocked": {"total": 0, "recent": []},
        "errors": {"total": 0, "recent": []},
        "closed": {"total": 9, "recent": [7, 12]},
    }  # fmt: skip
    return state | changes


TURN: Document = {
    "turn": 123_455,
    "times": [
        999.0, 999.000021, 999.5, 999.500004, 999.500210, 999.500222, 999.500251, 999.500409,
        999.500411,
    ],
    "timeout": 1.5,
    "reason": "timer",
    "timer": "Chat.rotate_log",
    "events": [[8, "R"]],
    "calls": [
        ["event", "Chat.data_received", 201, 8, "R", 14],
        ["callback", "Room.announce", 24],
    ],
    "flushes": [[8, 31, 0], [9, 42, 0], [10, 4096, 1 << 20]],
    "step": 8,
    "running": "Room.announce",
}  # fmt: skip


def strip(newest: int = 4000) -> Document:
    """The last minute: busy now and then, with one turn that has blocked."""
    entries = {}
    for number in range(newest - 239, newest + 1):
        phase = number % 48
        worked = 0.012 + (0.08 if phase < 10 else 0.0) + 0.0006 * (number * 7 % 13)
        turns = 85 + (number * 5 % 17) + (220 if phase < 10 else 0)
        longest = 0.0011 + 0.0002 * (number % 5)
        if number == newest - 100:
            worked, turns, longest = 0.24, 3, 0.31
        entries[str(number)] = [round(0.25 - worked, 4), worked, turns, int(turns * 1.6), longest]
    return entries


def connection(fd: int, **changes: Any) -> Document:
    row: Document = {
        "fd": fd, "kind": "stream", "protocol": "LineConnection",
        "peer": f"127.0.0.1:{40000 + fd}", "interest": "R", "closing": False,
        "reading_paused": False, "queued": 0, "unsent": 0, "low_water": HIGH // 4,
        "high_water": HIGH, "limit": LIMIT, "writing_paused": False, "received": 64 * fd,
        "sent": 3000 * fd, "last_event": "R", "opened": NOW - 60 * fd, "last_time": NOW - fd,
    }  # fmt: skip
    return row | changes


def listener(fd: int, **changes: Any) -> Document:
    row: Document = {
        "fd": fd, "kind": "listener", "protocol": "Chat.connection", "peer": None,
        "address": "0.0.0.0:8023", "interest": "R", "connections": 3, "paused": False,
        "received": None, "sent": None, "last_event": "R", "opened": None, "last_time": NOW - 3,
    }  # fmt: skip
    return row | changes


def table(rows: list[Document], *, first: int = 0, count: int = 40) -> Document:
    """The part "descriptors" of a document, for a viewer that sees ``count`` rows from
    ``first`` on."""
    kinds: dict[str, int] = {}
    for row in rows:
        kinds[row["kind"]] = kinds.get(row["kind"], 0) + 1
    shown = rows[first : first + count]
    return {
        "total": len(rows), "matching": len(rows), "kinds": kinds, "first": first,
        "order": [row["fd"] for row in shown], "rows": {str(row["fd"]): row for row in shown},
    }  # fmt: skip


def paused_steps() -> Iterator[Document]:
    """A paused loop before each of its eight steps: a line that was sent becomes a delivery."""
    event, answer = [8, "R"], {"queued": 31, "protocol": "LineConnection"}
    handler = {
        "handler": "Chat.data_received", "kind": "stream", "protocol": "LineConnection",
        "peer": "127.0.0.1:40008",
    }  # fmt: skip
    for step in range(1, 9):
        turn: Document = {"turn": 77, "times": TURN["times"][:step], "step": step, "running": ""}
        pending: Document = {
            "events": [event] if step <= 4 else [],
            "handlers": {"8": handler} if step <= 4 else {},
            "timers": [{"name": "Limits.refill", "kind": "timer", "in": -0.1}] if step < 6 else [],
            "callbacks": ["Room.announce"] if step in (5, 6) else [],
            "flushes": [],
            "closes": [12] if step > 4 else [],
        }
        if 4 < step <= 7:
            pending["flushes"] = [
                {"fd": fd, "peer": f"127.0.0.1:{40000 + fd}", **answer} for fd in (9, 10)
            ]
        if step > 1:
            turn |= {"timeout": 1.5, "reason": "timer", "timer": "Limits.refill"}
        if step > 2:
            turn["events"] = [event]
        calls = [["event", "Chat.data_received", 201, 8, "R", 14]] if step > 4 else []
        calls += [["timer", "Limits.refill", 12]] if step > 5 else []
        calls += [["callback", "Room.announce", 24]] if step > 6 else []
        if calls:
            turn |= {"calls": calls, "running": calls[-1][1]}
        if step > 7:
            turn["flushes"] = [[9, 31, 0], [10, 31, 0]]
        yield document(turn=turn, pending=pending, control=control("paused"))


def control(mode: str, **changes: Any) -> Document:
    base = {
        "mode": mode, "turns_per_second": None, "recording": None, "recorded": False,
        "stepping": mode != "running",
    }  # fmt: skip
    return base | changes


def block(**changes: Any) -> Document:
    """A turn that takes too long."""
    entry: Document = {
        "id": 1, "at": NOW - 3.2, "took": 3.2, "going_on": True, "name": "Chat.data_received",
        "where": "app.py:12 in data_received", "line": "time.sleep(5)",
        "stack": ["app.py:40 in <module>", "loop.py:157 in _turn", "app.py:12 in data_received"],
        "samples": 64, "hottest": [["app.py:12", 61], ["app.py:11", 3]],
    }  # fmt: skip
    return entry | changes
