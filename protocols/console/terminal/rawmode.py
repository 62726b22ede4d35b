"""A terminal lent to a program that edits its own line, and given back however that ends.

A terminal usually collects and echoes a line itself. Here it hands over each key at once and
echoes nothing; Ctrl-C, Ctrl-Z and Ctrl-\\ still send their signals. Left like that, it would be
of no use to the shell after us, so it is given back on leaving the block, on an exception, on a
signal that ends the process, and while the process is suspended.
"""

import errno
import os
import signal
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType, TracebackType
from typing import Any, Self

# Pasted text is marked as such while this is on (xterm's ctlseqs, "Bracketed Paste Mode").
_PASTE_MARKS_ON = b"\x1b[?2004h"
# Wrapping as well: the process may have ended in the middle of a row.
_PASTE_MARKS_OFF = b"\x1b[?2004l\x1b[?7h"

_FATAL_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)

_IFLAG, _LFLAG, _CC = 0, 3, 6  # Places in what tcgetattr returns.


def is_interactive(input_fd: int = 0, output_fd: int = 1) -> bool:
    """Whether a line can be edited here: terminals on both sides, and not `TERM=dumb`."""
    return os.isatty(input_fd) and os.isatty(output_fd) and os.environ.get("TERM") != "dumb"


class RawTerminal:
    """A context manager that gives single keys from `input_fd`, a terminal.

    `output_fd` is where the screen is written. `resumed` is called when the terminal is ours again
    after a suspension and the row has to be redrawn; a signal handler calls it, between any two
    steps of the program, so it should do no more than ask the loop to call something soon.

    Entered in the main thread, since it sets signal handlers: for suspension (SIGTSTP, SIGCONT),
    and for those fatal signals that nobody else handles. A loop that has its own handlers keeps
    them, and its end leaves the block.

    Raises OSError (ENOTTY) on entering if `input_fd` is no terminal.
    """

    def __init__(
        self,
        input_fd: int = 0,
        output_fd: int = 1,
        *,
        resumed: Callable[[], object] | None = None,
    ) -> None:
        self._input_fd = input_fd
        self._output_fd = output_fd
        self._resumed = resumed
        # Duplicates of our own: who closes the descriptors before us does not keep us from
        # giving the terminal back.
        self._fds: list[int] = []
        self._saved: list[Any] | None = None  # The terminal's modes as they were found.
        self._held = False  # From entering until restore() begins.
        self._raw = False  # Set by us, and not yet given back; not while suspended.
        # O_NONBLOCK belongs to the open file, which we share with the shell: it is given back like
        # the modes, or the next `cat` there fails with EAGAIN.
        self._found_blocking: list[bool] = []
        self._our_blocking: list[bool] | None = None  # To be set again after a suspension.
        self._handlers: dict[signal.Signals, tuple[Any, Any]] = {}  # ours, and the one before

    @property
    def columns(self) -> int:
        """The width of the terminal in cells; 80 if it does not know."""
        try:
            return os.get_terminal_size(self._output_fd).columns or 80
        except OSError:
            return 80

    def __enter__(self) -> Self:
        try:
            self._saved = termios.tcgetattr(self._input_fd)
        except termios.error as error:
            raise OSError(errno.ENOTTY, "not a terminal") from error
        try:
            self._fds.append(os.dup(self._input_fd))
            self._fds.append(os.dup(self._output_fd))
            self._found_blocking = self._blocking()
            self._held = True
            self._install_handlers()
            self._take()
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
        """Give the terminal back for good. Doing it again does nothing.

        Input that was not read is thrown away: the rest of a paste that contained `/quit` must not
        be run by the shell.
        """
        if self._saved is None:
            return
        # In this order, since a signal can come between any two lines: its handler may do all of
        # this once more, but must not take the terminal again.
        self._held = False
        if self._raw:
            self._give_back(discard_input=True)
        self._remove_handlers()
        self._saved = None
        while self._fds:
            os.close(self._fds.pop())

    # The terminal's modes.

    def _take(self) -> None:
        terminal, screen = self._fds
        modes = termios.tcgetattr(terminal)
        # An end of line stays what was sent (CR from Enter, CR LF within a paste), Ctrl-S and
        # Ctrl-Q are keys, and so is Ctrl-V. ISIG stays: Ctrl-C ends us as it ends any program.
        modes[_IFLAG] &= ~(
            termios.ICRNL | termios.INLCR | termios.IGNCR | termios.IXON | termios.ISTRIP
        )
        modes[_LFLAG] &= ~(termios.ICANON | termios.ECHO | termios.IEXTEN)
        modes[_CC][termios.VMIN], modes[_CC][termios.VTIME] = 1, 0
        # TCSANOW: the others wait until the output is written, which a stuck terminal never does.
        self._raw = True
        termios.tcsetattr(terminal, termios.TCSANOW, modes)
        _write_now(screen, _PASTE_MARKS_ON)
        if self._our_blocking is not None:
            self._set_blocking(self._our_blocking)
            self._our_blocking = None

    def _give_back(self, *, discard_input: bool) -> None:
        assert self._saved is not None
        terminal, screen = self._fds
        with _allowed_in_background():
            try:
                termios.tcsetattr(terminal, termios.TCSANOW, self._saved)
                if discard_input:
                    termios.tcflush(terminal, termios.TCIFLUSH)
            except termios.error:
                pass  # The terminal is gone (SIGHUP).
            _write_now(screen, _PASTE_MARKS_OFF)
        self._set_blocking(self._found_blocking)
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
            return True  # Not our controlling terminal: no shell shares it with us.

    # Signals.

    def _install_handlers(self) -> None:
        for number in _FATAL_SIGNALS:
            if signal.getsignal(number) is signal.SIG_DFL:
                self._handle(number, self._on_fatal_signal)
        # A shell without job control has its children ignore SIGTSTP; so it stays.
        if signal.getsignal(signal.SIGTSTP) is not signal.SIG_IGN:
            self._handle(signal.SIGTSTP, self._on_suspend)
            self._handle(signal.SIGCONT, self._on_continue)

    def _handle(
        self, number: signal.Signals, handler: Callable[[int, FrameType | None], None]
    ) -> None:
        self._handlers[number] = (handler, signal.signal(number, handler))

    def _remove_handlers(self) -> None:
        for number, (handler, previous) in self._handlers.items():
            if signal.getsignal(number) == handler:  # Else somebody has set another since.
                signal.signal(number, previous)
        self._handlers.clear()

    def _on_fatal_signal(self, number: int, frame: FrameType | None) -> None:
        self.restore()  # This puts the default action back as well, so that it ends us.
        signal.raise_signal(number)

    def _on_suspend(self, number: int, frame: FrameType | None) -> None:
        if self._raw and self._held:
            self._our_blocking = self._blocking()
            self._give_back(discard_input=False)
        # Only the default action can suspend us. It does so in this call, which returns after
        # SIGCONT; or at once, where no shell could wake us (an orphaned process group).
        ours = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, ours)
        self._on_continue(number, frame)

    def _on_continue(self, number: int, frame: FrameType | None) -> None:
        if not self._held:
            return
        if not self._in_foreground():
            self._raw = False  # The modes are another's now, not ours to change or to give back.
            return  # `fg` sends another SIGCONT.
        # Taken again even if we never gave it back: SIGSTOP cannot be handled, and what ran in the
        # meantime left modes of its own.
        with suppress(termios.error):  # Gone meanwhile: whoever reads from it will learn so.
            self._take()
        if self._resumed is not None:
            self._resumed()


def _write_now(fd: int, data: bytes) -> None:
    """Write without waiting: a terminal that takes nothing must not hold us up."""
    blocking = os.get_blocking(fd)
    try:
        os.set_blocking(fd, False)
        os.write(fd, data)
    except OSError:
        pass  # Then it goes without the marks.
    finally:
        os.set_blocking(fd, blocking)


@contextmanager
def _allowed_in_background() -> Iterator[None]:
    """Let a process that has lost the foreground set the terminal's modes without being stopped."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTTOU])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
