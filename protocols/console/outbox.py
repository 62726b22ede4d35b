"""Lines on their way to a server: those that wait, and those that it has not yet answered.

A server that limits the pace drops what comes too fast, and the network drops datagrams. So at
most ``window`` lines are on the way at a time. The next one is sent when the server has answered
an earlier one, which makes the sender keep to the server's pace without knowing it. A line that is
not answered counts as lost; it is never sent again, as it may have arrived.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from reactor import IdleTimer, Reactor


class Outbox:
    """Lines in the order in which the user entered them. It is closed at first: see ``open()``.

    ``transmit(line)`` sends a line; it returns whether an answer is to be awaited.
    ``expect(line)`` returns the answer that the line will have, or None if it cannot tell. Such a
    line travels alone, and ``settle()`` answers it. ``on_progress(lost)`` is called after each
    change that the server brings about, with the lines that have been lost.

    ``window``: lines on the way at a time. ``window_size``: characters in them; one line may always
    be on its way. ``timeout``: seconds without any answer after which what is on the way is lost.

    To be read only: ``waiting``, the lines that have not been sent; ``lost``, the number of those
    that had no answer.
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
        self._sent: deque[tuple[str, str | None]] = deque()
        self._size = 0  # characters in them
        self._open = False
        self._idle: IdleTimer | None = None

    @property
    def unanswered(self) -> int:
        """The number of lines on the way."""
        return len(self._sent)

    @property
    def travels_alone(self) -> str | None:
        """The line on the way that only ``settle()`` answers, if there is one."""
        return self._sent[0][0] if self._sent and self._sent[0][1] is None else None

    def put(self, line: str) -> None:
        """Send ``line`` as soon as it may be sent. The caller bounds the lines that wait."""
        self.waiting.append(line)
        self._pump()

    def open(self) -> None:
        """The server is there: send."""
        self._open = True
        self._pump()

    def hold(self) -> None:
        """Send nothing until ``open()``. What is on the way may still be answered."""
        self._open = False

    def drop(self) -> list[str]:
        """The connection is lost: hold, and return what was on the way. It counts as lost."""
        self._open = False
        return self._take(len(self._sent), lost=True)

    def take_back(self) -> None:
        """The server has not taken what is on the way: send it again, when it is open again."""
        self.waiting.extendleft(reversed(self._take(len(self._sent), lost=False)))

    def answered(self, answer: str) -> None:
        """The server said ``answer``; it answers lines in the order in which they were sent."""
        for index, (_, expected) in enumerate(self._sent):
            if expected == answer:
                lost = self._take(index, lost=True)
                self._take(1, lost=False)
                self._progressed(lost)
                return

    def refused(self, is_refused: Callable[[str], bool]) -> None:
        """The server has not taken the first line on the way of which ``is_refused`` is true."""
        for index, (line, expected) in enumerate(self._sent):
            if expected is not None and is_refused(line):
                self._progressed(self._take(index + 1, lost=True))
                return

    def settle(self) -> None:
        """The server has done all that is on the way: nothing of it will be answered any more."""
        if self._sent:
            alone = self._sent[0][1] is None
            taken = self._take(len(self._sent), lost=not alone)
            self._progressed([] if alone else taken)

    def _pump(self) -> None:
        while self._open and self.waiting and self._may_send(self.waiting[0]):
            line = self.waiting.popleft()
            if self._transmit(line):
                self._sent.append((line, self._expect(line)))
                self._size += len(line)
        if self._sent and self._idle is None:
            self._idle = IdleTimer(self._reactor, self._timeout, self._timed_out)

    def _may_send(self, line: str) -> bool:
        if not self._sent:
            return True
        if self._sent[0][1] is None or self._expect(line) is None:
            return False
        return len(self._sent) < self._window and self._size + len(line) <= self._window_size

    def _take(self, count: int, *, lost: bool) -> list[str]:
        lines = [self._sent.popleft()[0] for _ in range(count)]
        self._size -= sum(map(len, lines))
        if lost:
            self.lost += count
        if self._idle is not None:
            if self._sent:
                self._idle.touch()
            else:
                self._idle.cancel()
                self._idle = None
        return lines

    def _timed_out(self) -> None:
        # Told first: who hears that lines are lost may want to hold the rest.
        self._on_progress(self._take(len(self._sent), lost=True))
        self._pump()

    def _progressed(self, lost: list[str]) -> None:
        self._pump()
        self._on_progress(lost)
