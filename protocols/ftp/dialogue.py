"""Dialogue: commands are read and run one after another, whatever they mean.

Commands wait while a thread works for the one before, during a transfer, and while the client does
not read its replies. During a transfer only urgent ones run. What waits is bounded: above that,
reading pauses."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final, TypeVar

from reactor import LineProtocol, Reactor, ThreadCall
from reactor.errors import FATAL

from .replies import render_reply
from .telnet import TelnetFilter
from .threads import in_thread
from .transfers import describe

T = TypeVar("T")

_COMMANDS_PER_TURN: Final = 16
_MAX_WAITING: Final = 131_072  # bytes of commands that wait; above this, reading pauses
_OVERHEAD: Final = 64  # bytes that a command takes besides its text
_IAC: Final = 255
_CR_LF_IN_A_NAME: Final = b"\r\0\n"  # as clients have to send them (RFC 3659 section 2.2)


class Dialogue(LineProtocol):
    """The commands and replies of one client."""

    __slots__ = (
        "_busy", "_ended", "_eof", "_paused", "_scheduled", "_telnet", "_urgent", "_urgent_waits",
        "_waiting", "_waiting_size", "max_line_length", "reactor",
    )  # fmt: skip

    def __init__(self, reactor: Reactor, max_line_length: int) -> None:
        self.reactor = reactor
        self.max_line_length = max_line_length
        self._waiting: deque[str | None] | None = None  # lines; None: one that was too long
        self._urgent: deque[str | None] | None = None  # lines for the transfer in progress
        self._urgent_waits = False  # whether such a line may be in _waiting
        self._waiting_size = 0  # bytes of both
        self._busy = False  # whether a command is waiting for a thread or for a timer
        self._paused = False  # whether the client does not read its replies
        self._scheduled = False
        self._ended = False
        self._eof = False
        self._telnet: TelnetFilter | None = None

    # -- for subclasses ----------------------------------------------------------------------------

    def run_line(self, line: str | None) -> None:
        """Run a command. None: it was too long."""
        raise NotImplementedError

    def is_urgent(self, line: str | None) -> bool:
        """Whether to run this command during a transfer."""
        raise NotImplementedError

    def is_transferring(self) -> bool:
        """Whether a transfer is in progress."""
        raise NotImplementedError

    # -- reading -----------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._telnet is not None or _IAC in data:
            self._telnet = self._telnet or TelnetFilter()
            data, answers = self._telnet.feed(data)
            self.transport.write(answers)
        if b"\0" in data or self._partial.endswith(b"\0"):
            # Such an LF does not end the line: what follows is no command. The CR is refused.
            data = (self._partial + data).replace(_CR_LF_IN_A_NAME, b"\r\0")
            self._partial = b""
        super().data_received(data)
        if self._waiting or self._urgent:  # bytes alone do not make the client less idle
            self.run_waiting()

    def decode_line(self, line: bytes) -> str:
        return line.decode("utf-8", "surrogateescape")

    def line_received(self, line: str) -> None:
        if self.is_transferring() and self.is_urgent(line):
            self._urgent = self._urgent or deque()
            self._urgent.append(line)
            self._waiting_size += _size(line)
        else:
            self._wait(line)

    def line_too_long(self) -> None:
        self._wait(None)

    def _wait(self, line: str | None) -> None:
        if self._waiting is None:
            self._waiting = deque()
        if (self._waiting or self._busy) and not self._urgent_waits:  # others run before it
            self._urgent_waits = self.is_urgent(line)
        self._waiting.append(line)
        self._waiting_size += _size(line)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self.run_waiting()

    def eof_received(self) -> bool:
        super().eof_received()
        self._eof = True
        self.run_waiting()
        return True  # it is closed when all commands are answered

    # -- running commands --------------------------------------------------------------------------

    def run_waiting(self) -> None:
        """Run the commands that wait, a few in each turn. Read more when there are few left."""
        left = _COMMANDS_PER_TURN
        while left and (lines := self._runnable()):
            left -= 1
            line = lines.popleft()
            self._waiting_size -= _size(line)
            self.run_line(line)
        if self._ended:
            return
        if self._runnable():
            self.schedule()
        elif self._eof and not (self._waiting or self._busy or self.is_transferring()):
            self.transport.close()
        self._urgent, self._waiting = self._urgent or None, self._waiting or None
        if self._paused or self._waiting_size >= _MAX_WAITING:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def _runnable(self) -> deque[str | None] | None:
        """The queue whose first command may run now."""
        if self._paused or self.transport.is_closing():
            return None
        if self.is_transferring():
            return self._urgent
        return None if self._busy else self._waiting

    def schedule(self) -> None:
        """Run the commands that wait in the next turn."""
        if not self._scheduled:
            self._scheduled = True
            self.reactor.call_soon(self._run_scheduled)

    def _run_scheduled(self) -> None:
        self._scheduled = False
        if not self._ended:
            self.guard(self.run_waiting)

    def release_urgent(self) -> None:
        """A transfer has begun: run the commands that wait and are urgent."""
        if not self._urgent_waits:  # searching for them at each transfer would take long
            return
        self._urgent_waits = False
        waiting = self._waiting or ()
        self._urgent = deque(line for line in waiting if self.is_urgent(line))
        self._waiting = deque(line for line in waiting if not self.is_urgent(line))
        if self._urgent:
            self.schedule()

    def release_waiting(self) -> None:
        """The transfer has ended: run the commands that have waited for that."""
        if self._urgent:
            self._waiting = self._urgent + (self._waiting or deque())
            self._urgent = None
        self.schedule()

    def discard_waiting(self) -> None:
        """Forget all that has arrived."""
        self._waiting = self._urgent = None
        self._urgent_waits = False
        self._waiting_size = 0
        self._partial = b""

    # -- replies -----------------------------------------------------------------------------------

    def reply(self, code: int, *lines: str) -> None:
        """Send a reply."""
        self.transport.write(render_reply(code, *lines))

    def fail(self, exc: OSError, code: int = 550) -> None:
        """Reply that a file operation has failed."""
        self.reply(code, describe(exc))

    def close(self, code: int, text: str) -> None:
        """Send a last reply, and close the connection."""
        self.reply(code, text)
        self.transport.close()

    # -- waiting -----------------------------------------------------------------------------------

    def in_thread(
        self,
        function: Callable[..., T],
        *args: Any,
        then: Callable[[T], object],
        unused: Callable[[T], object] | None = None,
        failed: Callable[[OSError | ValueError], object] | None = None,
    ) -> None:
        """Run ``function(*args)`` in a thread, then ``then(result)``. The next commands wait.

        ``failed``: gets an OSError or ValueError of the function; None: the client gets a reply.
        ``unused``: gets the result if the client has left meanwhile."""
        resume = self.hold()

        def finish(call: ThreadCall[T]) -> None:
            if not self._ended:
                resume(lambda: self._finish(call, then, failed))
            elif unused is not None and call.exception() is None:
                unused(call.result())

        in_thread(self.reactor, function, *args, then=finish)

    def _finish(
        self,
        call: ThreadCall[T],
        then: Callable[[T], object],
        failed: Callable[[OSError | ValueError], object] | None,
    ) -> None:
        error = call.exception()
        if error is None:
            then(call.result())
        elif isinstance(error, OSError | ValueError) and failed is not None:
            failed(error)
        elif isinstance(error, OSError):
            self.fail(error)
        else:
            raise error

    def wait(self, seconds: float, then: Callable[[], object]) -> None:
        """Call ``then()`` later. The next commands wait."""
        self.reactor.call_later(seconds, self.hold(), then)

    def hold(self) -> Callable[[Callable[[], object]], None]:
        """Let the next commands wait until the returned function is called. It calls its argument
        first, unless the client has left."""
        self._busy = True

        def resume(function: Callable[[], object]) -> None:
            self._busy = False
            if not self._ended:
                self.guard(function)
                self.guard(self.run_waiting)

        return resume

    def guard(self, function: Callable[..., object], *args: Any) -> None:
        """Call ``function(*args)``. An exception ends only this connection."""
        try:
            function(*args)
        except FATAL:
            raise
        except BaseException as exc:
            self.reactor.call_exception_handler(
                {"message": "a command failed:", "exception": exc, "protocol": self}
            )
            self.transport.abort()


def _size(line: str | None) -> int:
    return _OVERHEAD + len(line or "")
