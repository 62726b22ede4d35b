"""Lines on their way to a server: those that wait, and those that the server has not yet answered.

A server with a rate limit drops lines that come too fast, and the network drops datagrams. So at
most ``window`` lines are in flight at a time. The next line is sent when the server has answered an
earlier one, so the sender adapts to the server's pace without knowing it. A line that is not
answered counts as lost. It is never sent again, as it may have arrived.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from reactor import IdleTimer, Reactor


class Outbox:
    """A queue of the user's lines, in order. It is closed at first: see ``open()``.

    ``transmit(line)`` sends a line. It returns whether to wait for an answer.
    ``expect(line)`` returns the answer that the line will get, or None if that is not known. A line
    whose answer is not known is sent alone, and ``settle()`` ends the wait for it.
    ``on_progress(lost)`` is called after each change that the server causes, with the lines that
    were lost.

    ``window``: lines in flight at a time. ``window_size``: characters in flight; one line may
    always be in flight. ``timeout``: seconds without an answer after which the lines in flight
    count as lost.

    Read-only: ``waiting``, the lines not yet sent; ``lost``, the number of lines that got no
    answer.
    """

    def __init__(
        self,
        reactor: Reactor,
        transmit: Callable[[str], bool],
        expect: Callable[[str], str | None],
        on_progress: Callable[[list[str]], object],
        *,
        window: int,
        window_size: int,
        timeout: float,
    ) -> None:
        self.waiting: deque[str] = deque()
        self.lost = 0
        self._reactor = reactor
        self._transmit = transmit
        self._expect = expect
        self._on_progress = on_progress
        self._window = window
        self._window_size = window_size
        self._timeout = timeout
        self._in_flight: deque[tuple[str, str | None]] = deque()  # lines and expected answers
        self._size = 0  # characters in flight
        self._open = False
        self._idle: IdleTimer | None = None

    @property
    def unanswered(self) -> int:
        """The number of lines in flight."""
        return len(self._in_flight)

    @property
    def sent_alone(self) -> str | None:
        """The line in flight that only ``settle()`` answers, if there is one."""
        if self._in_flight and self._in_flight[0][1] is None:
            return self._in_flight[0][0]
        return None

    def put(self, line: str) -> None:
        """Queue ``line``, and send it as soon as the window allows. The queue has no limit: the
        caller checks ``waiting``."""
        self.waiting.append(line)
        self._send_waiting()

    def open(self) -> None:
        """The server accepts lines: send."""
        self._open = True
        self._send_waiting()

    def hold(self) -> None:
        """Send nothing until ``open()``. Lines in flight can still be answered."""
        self._open = False

    def drop(self) -> list[str]:
        """The connection is lost: hold, count the lines in flight as lost, and return them."""
        self._open = False
        return self._remove(len(self._in_flight), lost=True)

    def take_back(self) -> None:
        """The server rejected the lines in flight: send them again after ``open()``."""
        self.waiting.extendleft(reversed(self._remove(len(self._in_flight), lost=False)))

    def answered(self, answer: str) -> None:
        """The server sent ``answer``. The server answers lines in the order in which they were
        sent, so lines before the answered one are lost."""
        for index, (_, expected) in enumerate(self._in_flight):
            if expected == answer:
                lost = self._remove(index, lost=True)
                self._remove(1, lost=False)
                self._progressed(lost)
                return

    def refused(self, is_refused: Callable[[str], bool]) -> None:
        """The server refused the first line in flight for which ``is_refused`` returns true."""
        for index, (line, expected) in enumerate(self._in_flight):
            if expected is not None and is_refused(line):
                self._progressed(self._remove(index + 1, lost=True))
                return

    def settle(self) -> None:
        """The server has handled all lines in flight: none of them will be answered any more."""
        if self._in_flight:
            alone = self._in_flight[0][1] is None
            removed = self._remove(len(self._in_flight), lost=not alone)
            self._progressed([] if alone else removed)

    def _send_waiting(self) -> None:
        while self._open and self.waiting and self._may_send(self.waiting[0]):
            line = self.waiting.popleft()
            if self._transmit(line):
                self._in_flight.append((line, self._expect(line)))
                self._size += len(line)
        if self._in_flight and self._idle is None:
            self._idle = IdleTimer(self._reactor, self._timeout, self._timed_out)

    def _may_send(self, line: str) -> bool:
        if not self._in_flight:
            return True
        if self._in_flight[0][1] is None or self._expect(line) is None:
            return False
        return len(self._in_flight) < self._window and self._size + len(line) <= self._window_size

    def _remove(self, count: int, *, lost: bool) -> list[str]:
        """Remove and return the first ``count`` lines in flight."""
        lines = [self._in_flight.popleft()[0] for _ in range(count)]
        self._size -= sum(map(len, lines))
        if lost:
            self.lost += count
        if self._idle is not None:
            if self._in_flight:
                self._idle.touch()
            else:
                self._idle.cancel()
                self._idle = None
        return lines

    def _timed_out(self) -> None:
        # The callback first: it may call hold() because of lost lines.
        self._on_progress(self._remove(len(self._in_flight), lost=True))
        self._send_waiting()

    def _progressed(self, lost: list[str]) -> None:
        self._send_waiting()
        self._on_progress(lost)
