"""Canned documents of an inspector, in the form that a server sends."""

from typing import Any

HELLO: dict[str, Any] = {
    "version": 1,
    "title": "chat",
    "pid": 4711,
    "python": "3.11.7",
    "reactor": "0.1.0",
    "poller": "EpollPoller",
    "steps": ["timeout", "wait", "clock", "dispatch", "timers", "callbacks", "flush", "close"],
    "started": 1_700_000_000.0,
    "token": "the-control-token",
    "watchdog": 0.1,
    "strip": {"interval": 0.25, "buckets": 240},
}


def row(fd: int, **fields: Any) -> dict[str, Any]:
    return {
        "fd": fd,
        "kind": "stream",
        "protocol": "Chat",
        "peer": f"192.0.2.7:{40000 + fd}",
        "interest": "R",
        "closing": False,
        "reading_paused": False,
        "queued": 0,
        "low_water": 16384,
        "high_water": 65536,
        "limit": 1114112,
        "writing_paused": False,
        "received": 100 * fd,
        "sent": 2000 * fd,
        "last_event": "R",
        "opened": 940.0,
        "last_time": 998.5,
        **fields,
    }


LISTENER: dict[str, Any] = {
    "fd": 6,
    "kind": "listener",
    "protocol": "Chat",
    "peer": None,
    "address": "127.0.0.1:8555",
    "connections": 12,
    "interest": "R",
    "paused": False,
}


def state(total: int = 30, first: int = 0, count: int = 40, **changes: Any) -> dict[str, Any]:
    """A document with ``total`` descriptors, of which ``count`` from ``first`` on are described."""
    fds = list(range(6, 6 + total))[first : first + count]
    rows = {str(fd): LISTENER if fd == 6 else row(fd) for fd in fds}
    document: dict[str, Any] = {
        "loop": {"time": 1000.0, "wall": 1_700_003_723.0, "running": True, "stopping": False},
        "stats": {"turns": 12345, "connections": 29, "bytes_received": 4096, "bytes_sent": 1 << 21},
        "control": {"mode": "running", "turns_per_second": None, "recording": None},
        "turn": {"turn": 12345, "times": [999.0, 999.0, 999.9], "step": 2},
        "turns": [],
        "pending": None,
        "steps": {"seconds": [0.01, 0.7, 0.01, 0.2, 0.03, 0.03, 0.02, 0.0], "of": 1.0},
        "strip": {
            str(number): [0.2, 0.05, 25, 50, 0.3 if number == 3990 else 0.004]
            for number in range(3760, 4000)
        },
        "descriptors": {
            "total": total,
            "matching": total,
            "kinds": {"stream": total - 1, "listener": 1},
            "first": first,
            "order": fds,
            "rows": rows,
        },
        "timers": {
            "next": [{"name": "Hub.tick", "kind": "timer", "at": 1001.5}],
            "total": 31,
            "idle": 29,
            "cancelled": 3,
            "fired": [],
        },
        "callbacks": {"next": [], "total": 0},
        "slowest": [{"name": "Chat.data_received", "calls": 1234, "seconds": 1.5, "longest": 0.3}],
        "blocked": {
            "total": 7,
            "recent": [
                {
                    "id": 7,
                    "at": 997.0,
                    "took": 0.3,
                    "going_on": False,
                    "name": "Chat.data_received",
                    "where": "app.py:12 in handler",
                    "line": "time.sleep(0.3)",
                    "stack": [],
                    "samples": 3,
                }
            ],
        },
        "errors": {"total": 0, "recent": []},
        "closed": {"total": 0, "recent": []},
    }
    return document | changes


PAUSED: dict[str, Any] = {
    "control": {"mode": "paused", "turns_per_second": None, "recording": None, "stepping": True},
    "turn": {
        "turn": 77,
        "times": [999.0, 999.0, 999.5, 999.5],
        "timeout": 0.5,
        "reason": "timer",
        "timer": "Hub.tick",
        "step": 4,
        "events": [[8, "R"], [9, "RW"]],
    },
    "pending": {
        "handlers": {
            "8": {"handler": "Chat.data_received", "protocol": "Chat", "peer": "192.0.2.7:40008"},
            "9": {"peer": None, "queued": 512},
        },
        "timers": [{"name": "Hub.expire", "kind": "idle timer", "in": 0.0}],
        "callbacks": ["Room.deliver"],
        "flushes": [{"fd": 9, "protocol": "Chat", "peer": "192.0.2.7:40009", "queued": 2048}],
        "closes": [11],
    },
}
