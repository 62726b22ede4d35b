"""Controls the watched loop: one action after another, and recordings saved to files."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from reactor.command import reason

from .client import InspectorClient, InspectorError
from .documents import Document
from .exchange import Exchange

MAX_WAITING: Final = 20  # actions; a key that is held down sends more
SPEEDS: Final = (1, 2, 5, 10, 20, 50)  # turns a second


class Remote:
    """Sends the actions. ``on_message(text)`` gets errors and what was saved.

    ``token``: what the inspector's ``hello`` has. ``saved``: the recordings, as paths. ``holds``:
    whether we have made the loop slow or paused it, and have not resumed it since."""

    def __init__(self, client: InspectorClient, on_message: Callable[[str], object]) -> None:
        self.token = ""
        self.saved: list[Path] = []
        self.holds = False
        self._client = client
        self._on_message = on_message
        self._waiting: deque[tuple[Document, Callable[[], object]]] = deque()
        self._request: Exchange | None = None

    @property
    def busy(self) -> bool:
        """Whether an action has not been answered."""
        return self._request is not None

    def perform(self, action: Document, then: Callable[[], object] = lambda: None) -> None:
        """Send an action after those before it, and call ``then()`` when it was performed."""
        if len(self._waiting) < MAX_WAITING:
            self._waiting.append((action, then))
            self._send_next()

    def _send_next(self) -> None:
        if self._request is None and self._waiting:
            action, then = self._waiting.popleft()
            held = self.holds
            if action["action"] in ("pause", "slow"):
                self.holds = True  # perhaps already, before we hear of it
            self._request = self._client.control(
                action, self.token, lambda error: self._performed(action, then, held, error)
            )

    def _performed(
        self,
        action: Document,
        then: Callable[[], object],
        held: bool,
        error: InspectorError | None,
    ) -> None:
        self._request = None
        if error is not None:
            self.holds = held
            self._waiting.clear()  # they relied on this one
            self._on_message(str(error))
            return
        if action["action"] == "resume":
            self.holds = False
        then()
        self._send_next()

    def close(self) -> None:
        """Send nothing more."""
        self._waiting.clear()
        if self._request is not None:
            self._request.close()
            self._request = None

    def save_recording(self, pid: int) -> None:
        """Save the newest recording in the current folder. Only its user may read it: it shows
        addresses, and perhaps data."""
        path = Path(f"recording-{pid}-{time.strftime('%Y%m%d-%H%M%S')}.jsonl")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            file = os.fdopen(os.open(path, flags, 0o600), "wb")
        except OSError as exc:
            self._on_message(f"cannot save the recording in {path}: {reason(exc)}")
            return

        def ended(size: int, error: InspectorError | None) -> None:
            if error is not None:
                path.unlink(missing_ok=True)
                self._on_message(str(error))
            else:
                self.saved.append(path)
                self._on_message(f"the recording is saved in {path} ({size} bytes)")

        self._client.save_recording(file, ended)


def faster(mode: str, speed: float) -> Document | None:
    """The action that makes the loop faster; None at full speed. ``speed``: turns a second."""
    if mode == "paused":
        return {"action": "slow", "turns_per_second": SPEEDS[0]}
    if mode != "slow":
        return None
    higher = [each for each in SPEEDS if each > speed]
    return {"action": "slow", "turns_per_second": higher[0]} if higher else {"action": "resume"}


def slower(mode: str, speed: float) -> Document | None:
    """The action that makes the loop slower; None if it cannot be."""
    if mode == "paused":
        return None
    lower = [each for each in SPEEDS if mode != "slow" or each < speed]
    return {"action": "slow", "turns_per_second": lower[-1]} if lower else None
