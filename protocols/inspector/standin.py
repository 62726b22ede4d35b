"""Until the state is built in state.py: a small document from ``snapshot``."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from reactor import STEPS, Observer, Reactor, RecentTurns, Traffic, Turn, __version__, snapshot


class ControlError(Exception):
    """The loop is not in a state for this."""


@dataclass(frozen=True)
class View:
    sort: str = "fd"
    order: str = "asc"
    filter: str = ""
    first: int = 0
    count: int = 40

    @classmethod
    def parse(cls, query: str) -> View:
        given = {name: values[0] for name, values in parse_qs(query).items()}
        try:
            return cls(first=int(given.get("first", 0)), count=int(given.get("count", 40)))
        except ValueError:
            raise ValueError("first and count are numbers") from None


class Watcher(Traffic):
    def __init__(self) -> None:
        super().__init__()
        self.recent = RecentTurns()

    def turn_ended(self, turn: Turn) -> None:
        super().turn_ended(turn)
        self.recent.turn_ended(turn)


class Watchdog:
    def __init__(self, reactor: Reactor, watcher: Observer, threshold: float = 0.1) -> None:
        self.threshold = threshold

    def start(self) -> None: ...
    def close(self) -> None: ...


class Control:
    def __init__(self, reactor: Reactor) -> None:
        self.mode = "running"

    def perform(self, request: dict[str, Any]) -> None:
        if request.get("action") not in ("pause", "resume"):
            raise ValueError("no such action")

    def document(self) -> dict[str, Any]:
        return {"mode": self.mode, "turns_per_second": None, "recording": None}

    def close(self) -> None: ...


class State:
    def __init__(
        self, reactor: Reactor, watcher: Watcher, control: Control, watchdog: Watchdog
    ) -> None:
        self._reactor, self._watcher, self._control = reactor, watcher, control
        self._started = time.time()
        self._watchdog = watchdog

    def hello(self) -> dict[str, Any]:
        return {
            "version": 1,
            "pid": os.getpid(),
            "python": platform.python_version(),
            "reactor": __version__,
            "poller": "EpollPoller",
            "steps": list(STEPS),
            "started": self._started,
            "watchdog": self._watchdog.threshold,
            "strip": {"interval": 0.25, "buckets": 240},
        }

    def document(self, view: View) -> dict[str, Any]:
        shown = snapshot(self._reactor, self._watcher)
        loop, rows = shown["loop"], shown["descriptors"]
        for row in rows:
            age, silence = row.pop("age"), row.pop("silence")
            row["opened"] = None if age is None else round(loop["time"] - age, 3)
            row["last_time"] = None if silence is None else round(loop["time"] - silence, 3)
        for timer in shown["timers"]["next"]:
            timer["at"] = round(loop["time"] + timer.pop("in"), 3)
        window = rows[view.first : view.first + view.count]
        kinds: dict[str, int] = {}
        for row in rows:
            kinds[row["kind"]] = kinds.get(row["kind"], 0) + 1
        loop["time"] = round(loop["time"], 3)
        return {
            "loop": {**loop, "wall": round(time.time(), 3)},
            "stats": shown["stats"],
            "control": self._control.document(),
            "turns": [],
            "pending": None,
            "descriptors": {
                "total": len(rows),
                "matching": len(rows),
                "kinds": kinds,
                "first": view.first,
                "order": [row["fd"] for row in window],
                "rows": {str(row["fd"]): row for row in window},
            },
            "timers": {**shown["timers"], "fired": []},
            "callbacks": shown["callbacks"],
        }
