"""Plain text for pipes and files: one snapshot, or one at each interval."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from reactor import Reactor
from reactor.command import CommandError

from .cells import Line, Look, plain
from .client import InspectorClient, InspectorError
from .descriptors import Scene, View, draw_table
from .documents import Document, number, table
from .panels import TURN_ROWS, draw_blocked, draw_errors, draw_slowest, draw_timers, draw_turn
from .summary import figures, header, steps_legend

COLUMNS = 160  # of the lines


def snapshot_lines(document: Document, view: View, look: Look) -> list[Line]:
    """A snapshot as lines of text. ``document``: with ``hello`` and ``state``."""
    hello, state = table(document, "hello"), table(document, "state")
    now = number(state, "loop", "time")
    lines = [header(hello, state, False, 100), figures(hello, state, COLUMNS)]
    lines.append(steps_legend(state, COLUMNS))
    if table(state, "pending"):
        lines += draw_turn(state, TURN_ROWS)
    lines += draw_errors(state, 1, now)
    for panel in (
        draw_blocked(state, 11, now),
        draw_timers(state, 11, now),
        draw_slowest(state, 11),
    ):
        lines += panel
    rows = len(table(state, "descriptors", "rows"))
    return lines + draw_table(state, view, COLUMNS, rows, Scene(now, look))


class Snapshots:
    """Prints a snapshot, and another one every ``interval`` seconds; None: only one."""

    def __init__(
        self,
        reactor: Reactor,
        client: InspectorClient,
        view: View,
        *,
        interval: float | None,
        look: Look,
        write: Callable[[str], object] | None = None,
    ) -> None:
        self._reactor = reactor
        self._client = client
        self._view = view
        self._interval = interval
        self._look = look
        self._write = _print if write is None else write
        self._first = True
        self._due = 0.0
        self._error: str | None = None

    def run(self) -> int:
        """Run the reactor until the last snapshot is printed, or the reader of our output has
        gone. Return 0. Raises ``CommandError`` if the inspector cannot be asked, or is gone."""
        self._ask()
        self._reactor.run()
        if self._error is not None:
            raise CommandError(self._error)
        return 0

    def _ask(self) -> None:
        self._due = self._reactor.time() + (self._interval or 0.0)
        self._client.fetch_document(self._view.query(), self._received)

    def _received(self, document: Document | None, error: InspectorError | None) -> None:
        if document is None:
            self._stop(str(error))
            return
        lines = [plain(line) for line in snapshot_lines(document, self._view, self._look)]
        if not self._first:
            lines.insert(0, "")
        self._first = False
        try:
            self._write("\n".join(lines) + "\n")
        except BrokenPipeError:  # the reader has enough, as `head` does
            self._stop()
        except OSError as exc:
            self._stop(f"cannot write to standard output: {exc.strerror}")
        else:
            if self._interval is None:
                self._stop()
            else:
                self._reactor.call_at(max(self._due, self._reactor.time()), self._ask)

    def _stop(self, error: str | None = None) -> None:
        self._error = error
        self._reactor.stop()


def _print(text: str) -> None:
    """Write to standard output, and wait until its reader has taken it: nothing else is to do."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    data = memoryview(text.encode(encoding, "replace"))
    while data:
        data = data[os.write(1, data) :]
