"""Puts the terminal into raw mode for a line editor, and restores it however the program ends.

A terminal usually collects and echoes a line itself. In raw mode it delivers each key at once and
echoes nothing; Ctrl-C, Ctrl-Z and Ctrl-\\ still send their signals. The shell could not use such
a terminal. So it is restored at the end of the block, on an exception, on a signal that ends the
process, and while the process is suspended.
"""

import errno
import os
import signal
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType, TracebackType
from typing import Any, Self

# While this is on, the terminal marks pasted text (xterm's ctlseqs, "Bracketed Paste Mode").
_PASTE_MARKS_ON = b"\x1b[?2004h"
# Also switches wrapping on: the process may end while it draws a row.
_PASTE_MARKS_OFF = b"\x1b[?2004l\x1b[?7h"
# A screen of its own, without a cursor and without wrapping ("Use Alternate Screen Buffer", DECTCEM
# and DECAWM in xterm's ctlseqs).
_FULL_SCREEN_ON = b"\x1b[?1049h\x1b[?25l\x1b[?7l"
_FULL_SCREEN_OFF = b"\x1b[m\x1b[?25h\x1b[?7h\x1b[?1049l"

_FATAL_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)

_IFLAG, _LFLAG, _CC = 0, 3, 6  # indices into the result of tcgetattr


def is_interactive(input_fd: int = 0, output_fd: int = 1) -> bool:
    """Return whether a line can be edited: both are terminals, and `TERM` is not `dumb`."""
    return os.isatty(input_fd) and os.isatty(output_fd) and os.environ.get("TERM") != "dumb"


class RawTerminal:
    """A context manager in which `input_fd`, a terminal, delivers single keys.

    `output_fd` is the screen. With `full_screen`, the program draws on a screen of its own, and the
    text that was there before comes back at the end. `resumed` is called when the process
    continues after a suspension and has to redraw its row. It is called from a signal handler, so
    it should only schedule a callback on the loop.

    Enter it in the main thread, because it sets signal handlers: for suspension (SIGTSTP, SIGCONT),
    and for those fatal signals that have no handler. A loop's own handlers stay in place; they end
    the loop, and so the block.

    Raises OSError (ENOTTY) on entering if `input_fd` is not a terminal.
    """

    def __init__(
        self,
        input_fd: int = 0,
        output_fd: int = 1,
        *,
        full_screen: bool = False,
        resumed: Callable[[], object] | None = None,
    ) -> None:
        self._marks_on, self._marks_off = _PASTE_MARKS_ON, _PASTE_MARKS_OFF
        if full_screen:
            self._marks_on += _FULL_SCREEN_ON
            self._marks_off += _FULL_SCREEN_OFF
        self._input_fd = input_fd
        self._output_fd = output_fd
        self._resumed = resumed
        # Duplicates, so that the terminal can be restored even if the program has closed the
        # descriptors.
        self._fds: list[int] = []
        self._saved: list[Any] | None = None  # the terminal's original modes
        self._held = False  # from entering until restore() begins
        self._raw = False  # raw mode is set; false while suspended
        # O_NONBLOCK belongs to the open file, which the shell shares. It is restored like the
        # modes, or the shell's next `cat` would fail with EAGAIN.
        self._original_blocking: list[bool] = []
        self._our_blocking: list[bool] | None = None  # to be set again after a suspension
        self._handlers: dict[signal.Signals, tuple[Any, Any]] = {}  # ours, and the one before

    @property
    def columns(self) -> int:
        """The width of the terminal in cells; 80 if unknown."""
        return self.size[0]

    @property
    def size(self) -> tuple[int, int]:
        """The columns and rows of the terminal in cells; 80 and 24 where unknown."""
        try:
            columns, rows = os.get_terminal_size(self._output_fd)
        except OSError:
            columns = rows = 0
        return columns or 80, rows or 24

    def __enter__(self) -> Self:
        try:
            self._saved = termios.tcgetattr(self._input_fd)
        except termios.error as error:
            raise OSError(errno.ENOTTY, "not a terminal") from error
        try:
            self._fds.append(os.dup(self._input_fd))
            self._fds.append(os.dup(self._output_fd))
            self._original_blocking = self._blocking()
            self._held = True
            self._install_handlers()
            self._set_raw()
        except BaseException:
            self.restore()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.restore()

    def restore(self) -> None:
        """Restore the terminal for good. A second call does nothing.

        Unread input is discarded: the shell must not run the rest of a paste that contained
        `/quit`.
        """
        if self._saved is None:
            return
        # The order matters, because a signal can come between any two lines. Its handler may run
        # all of this again, but must not set raw mode again.
        self._held = False
        if self._raw:
            self._set_original(discard_input=True)
        self._remove_handlers()
        self._saved = None
        while self._fds:
            os.close(self._fds.pop())

    # The terminal's modes.

    def _set_raw(self) -> None:
        terminal, screen = self._fds
        modes = termios.tcgetattr(terminal)
        # Line ends are delivered as they were sent (CR from Enter, CR LF within a paste). Ctrl-S,
        # Ctrl-Q and Ctrl-V are keys. ISIG stays on: Ctrl-C ends this program like any other.
        modes[_IFLAG] &= ~(
            termios.ICRNL | termios.INLCR | termios.IGNCR | termios.IXON | termios.ISTRIP
        )
        modes[_LFLAG] &= ~(termios.ICANON | termios.ECHO | termios.IEXTEN)
        modes[_CC][termios.VMIN], modes[_CC][termios.VTIME] = 1, 0
        # TCSANOW: the other modes wait until all output is written, on a stuck terminal forever.
        self._raw = True
        termios.tcsetattr(terminal, termios.TCSANOW, modes)
        _write_now(screen, self._marks_on)
        if self._our_blocking is not None:
            self._set_blocking(self._our_blocking)
            self._our_blocking = None

    def _set_original(self, *, discard_input: bool) -> None:
        assert self._saved is not None
        terminal, screen = self._fds
        with _allowed_in_background():
            try:
                termios.tcsetattr(terminal, termios.TCSANOW, self._saved)
                if discard_input:
                    termios.tcflush(terminal, termios.TCIFLUSH)
            except termios.error:
                pass  # the terminal was closed (SIGHUP)
            _write_now(screen, self._marks_off)
        self._set_blocking(self._original_blocking)
        self._raw = False

    def _blocking(self) -> list[bool]:
        return [os.get_blocking(fd) for fd in self._fds]

    def _set_blocking(self, blocking: list[bool]) -> None:
        for fd, value in zip(self._fds, blocking, strict=True):
            os.set_blocking(fd, value)

    def _in_foreground(self) -> bool:
        try:
            return os.tcgetpgrp(self._fds[0]) == os.getpgrp()
        except OSError:
            return True  # not our controlling terminal: no shell shares it

    # Signals.

    def _install_handlers(self) -> None:
        for number in _FATAL_SIGNALS:
            if signal.getsignal(number) is signal.SIG_DFL:
                self._handle(number, self._on_fatal_signal)
        # A shell without job control makes its children ignore SIGTSTP: leave it ignored.
        if signal.getsignal(signal.SIGTSTP) is not signal.SIG_IGN:
            self._handle(signal.SIGTSTP, self._on_suspend)
            self._handle(signal.SIGCONT, self._on_continue)

    def _handle(
        self, number: signal.Signals, handler: Callable[[int, FrameType | None], None]
    ) -> None:
        self._handlers[number] = (handler, signal.signal(number, handler))

    def _remove_handlers(self) -> None:
        for number, (handler, previous) in self._handlers.items():
            if signal.getsignal(number) == handler:  # otherwise it was replaced since
                signal.signal(number, previous)
        self._handlers.clear()

    def _on_fatal_signal(self, number: int, frame: FrameType | None) -> None:
        self.restore()  # also restores the default action, so the signal ends the process
        signal.raise_signal(number)

    def _on_suspend(self, number: int, frame: FrameType | None) -> None:
        if self._raw and self._held:
            self._our_blocking = self._blocking()
            self._set_original(discard_input=False)
        # Only the default action can suspend the process. This call returns after SIGCONT, or at
        # once if no shell could continue us (an orphaned process group).
        ours = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, ours)
        self._on_continue(number, frame)

    def _on_continue(self, number: int, frame: FrameType | None) -> None:
        if not self._held:
            return
        if not self._in_foreground():
            # In the background, the modes are another process's: do not change or restore them.
            self._raw = False
            return  # `fg` sends another SIGCONT
        # Set raw mode even if it was not restored: SIGSTOP cannot be handled, and other programs
        # may have changed the modes since.
        with suppress(termios.error):  # the terminal was closed; reading from it will fail
            self._set_raw()
        if self._resumed is not None:
            self._resumed()


def _write_now(fd: int, data: bytes) -> None:
    """Write without waiting, because a stuck terminal accepts nothing."""
    blocking = os.get_blocking(fd)
    try:
        os.set_blocking(fd, False)
        os.write(fd, data)
    except OSError:
        pass  # the marks are not essential
    finally:
        os.set_blocking(fd, blocking)


@contextmanager
def _allowed_in_background() -> Iterator[None]:
    """Let a background process set the terminal's modes without being stopped for it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTTOU])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
