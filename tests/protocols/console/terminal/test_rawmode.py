"""The terminal is restored however the program that uses it ends.

Each test has its own pseudo-terminal. Tests in which a process ends or is suspended start another
process for that; the last ones also start a small shell.
"""

import errno
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import pytest

from protocols.console.terminal import RawTerminal, is_interactive

from ....tools.commands import ROOT
from ....tools.waiting import TIMEOUT

PASTE_MARKS_ON, PASTE_MARKS_OFF = b"\x1b[?2004h", b"\x1b[?2004l"


class Pty:
    """A pseudo-terminal: `fd` is the program's side, `person` the user's."""

    def __init__(self) -> None:
        self.person, self.fd = pty.openpty()
        self.seen = b""
        self.modes = self.current_modes()

    def current_modes(self) -> list[object]:
        return list(termios.tcgetattr(self.fd))

    def is_line_mode(self) -> bool:
        return bool(termios.tcgetattr(self.fd)[3] & termios.ICANON)

    def press(self, keys: bytes) -> None:
        os.write(self.person, keys)

    def read_keys(self) -> bytes:
        assert select.select([self.fd], [], [], TIMEOUT)[0], "no key arrived"
        return os.read(self.fd, 100)

    def fill_the_screen(self) -> None:
        os.set_blocking(self.fd, False)
        with suppress(BlockingIOError):
            while True:
                os.write(self.fd, b"x" * 1000)
        os.set_blocking(self.fd, True)

    def wait_for(self, text: bytes) -> None:
        """Read the screen until `text` comes. Forget everything up to its end."""
        deadline = time.monotonic() + TIMEOUT
        while text not in self.seen:
            left = max(0.0, deadline - time.monotonic())
            assert select.select([self.person], [], [], left)[0], f"only {self.seen!r} was seen"
            self.seen += os.read(self.person, 1000)
        self.seen = self.seen.partition(text)[2]


@pytest.fixture
def tty() -> Iterator[Pty]:
    tty = Pty()
    yield tty
    os.close(tty.person)
    os.close(tty.fd)


def test_each_key_is_delivered_unchanged_and_not_echoed(tty: Pty) -> None:
    with RawTerminal(tty.fd, tty.fd):
        for key in (b"a", b"\r", b"\n", b"\x04", b"\x11", b"\x13", b"\x16", b"\x7f"):
            tty.press(key)
            assert tty.read_keys() == key
        os.write(tty.fd, b"after the keys")
        tty.wait_for(PASTE_MARKS_ON + b"after the keys")
        assert tty.current_modes()[3] & termios.ISIG  # type: ignore[operator]


def test_the_terminal_is_restored_at_the_end_of_the_block(tty: Pty) -> None:
    with RawTerminal(tty.fd, tty.fd) as terminal:
        assert not tty.is_line_mode()
    assert tty.current_modes() == tty.modes
    tty.wait_for(PASTE_MARKS_OFF)
    terminal.restore()
    assert tty.seen == b"\x1b[?7h"


def test_the_terminal_is_restored_on_an_exception(tty: Pty) -> None:
    with pytest.raises(ZeroDivisionError), RawTerminal(tty.fd, tty.fd):
        raise ZeroDivisionError
    assert tty.current_modes() == tty.modes


def test_the_terminal_is_restored_if_entering_fails(
    tty: Pty, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = signal.getsignal(signal.SIGTSTP)
    read, write = os.pipe()
    os.close(read)
    os.close(write)
    with pytest.raises(OSError, match="Bad file descriptor"):
        RawTerminal(tty.fd, write).__enter__()
    assert tty.current_modes() == tty.modes

    def interrupted(*args: object) -> None:
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        RawTerminal(tty.fd, tty.fd).__enter__()
    assert tty.current_modes() == tty.modes
    assert signal.getsignal(signal.SIGTSTP) == handler


def test_the_terminal_is_restored_after_the_program_has_closed_its_descriptor(tty: Pty) -> None:
    fd = os.dup(tty.fd)
    with RawTerminal(fd, fd) as terminal:
        os.close(fd)
        assert terminal.columns == 80
    assert tty.current_modes() == tty.modes


def test_unread_input_is_discarded(tty: Pty) -> None:
    with RawTerminal(tty.fd, tty.fd):
        tty.press(b"make install\r")
        assert select.select([tty.fd], [], [], TIMEOUT)[0]
    assert not select.select([tty.fd], [], [], 0)[0]


def test_blocking_mode_is_restored(tty: Pty) -> None:
    with RawTerminal(tty.fd, tty.fd):
        os.set_blocking(tty.fd, False)
    assert os.get_blocking(tty.fd)


def test_a_stuck_terminal_does_not_block_the_program(tty: Pty) -> None:
    with RawTerminal(tty.fd, tty.fd):
        tty.fill_the_screen()
    assert tty.current_modes() == tty.modes


def test_a_closed_terminal_is_not_an_error(tty: Pty) -> None:
    resumed: list[bool] = []
    with RawTerminal(tty.fd, tty.fd, resumed=lambda: resumed.append(True)):
        person, other = pty.openpty()
        os.dup2(person, tty.person)
        signal.raise_signal(signal.SIGCONT)
    os.close(person)
    os.close(other)
    assert resumed == [True]


def test_columns_is_the_width_of_the_terminal(tty: Pty) -> None:
    terminal = RawTerminal(tty.fd, tty.fd)
    assert terminal.columns == 80
    termios.tcsetwinsize(tty.fd, (24, 132))
    assert terminal.columns == 132


def test_a_pipe_is_refused() -> None:
    read, write = os.pipe()
    with pytest.raises(OSError, match="not a terminal") as raised, RawTerminal(read, write):
        raise AssertionError
    assert raised.value.errno == errno.ENOTTY
    assert not is_interactive(read, write)
    os.close(read)
    os.close(write)


def test_only_terminals_are_interactive(tty: Pty, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert is_interactive(tty.fd, tty.fd)
    monkeypatch.setenv("TERM", "dumb")
    assert not is_interactive(tty.fd, tty.fd)


# Signals, within this process


@pytest.fixture
def default_actions() -> Iterator[None]:
    numbers = (signal.SIGHUP, signal.SIGTERM, signal.SIGTSTP, signal.SIGCONT)
    before = {number: signal.signal(number, signal.SIG_DFL) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("default_actions")
def test_signal_handlers_are_set_only_inside_the_block(tty: Pty) -> None:
    with RawTerminal(tty.fd, tty.fd):
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGTSTP, signal.SIGCONT):
            assert signal.getsignal(number) != signal.SIG_DFL
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGTSTP, signal.SIGCONT):
        assert signal.getsignal(number) == signal.SIG_DFL


@pytest.mark.usefixtures("default_actions")
def test_handlers_of_the_program_are_kept(tty: Pty) -> None:
    def before(number: int, frame: FrameType | None) -> None: ...
    def within(number: int, frame: FrameType | None) -> None: ...

    signal.signal(signal.SIGTERM, before)
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    with RawTerminal(tty.fd, tty.fd):
        assert signal.getsignal(signal.SIGTERM) == before
        assert signal.getsignal(signal.SIGTSTP) == signal.SIG_IGN
        signal.signal(signal.SIGHUP, within)
    assert signal.getsignal(signal.SIGHUP) == within


@pytest.mark.usefixtures("default_actions")
def test_a_fatal_signal_ends_the_process_after_the_terminal_is_restored(
    tty: Pty, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised: list[object] = []
    send = signal.raise_signal

    def end(number: int) -> None:
        raised.append((number, signal.getsignal(number), tty.is_line_mode()))

    monkeypatch.setattr(signal, "raise_signal", end)
    with RawTerminal(tty.fd, tty.fd):
        send(signal.SIGTERM)
    assert raised == [(signal.SIGTERM, signal.SIG_DFL, True)]


@pytest.mark.usefixtures("default_actions")
def test_suspension_restores_the_terminal_and_continuing_sets_raw_mode_again(
    tty: Pty, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[object] = []
    send = signal.raise_signal

    def suspended(number: int) -> None:
        action = signal.getsignal(number)
        happened.append((action, tty.is_line_mode(), os.get_blocking(tty.fd)))

    def resumed() -> None:
        happened.append(("resumed", tty.is_line_mode(), os.get_blocking(tty.fd)))

    with RawTerminal(tty.fd, tty.fd, resumed=resumed):
        os.set_blocking(tty.fd, False)
        monkeypatch.setattr(signal, "raise_signal", suspended)
        send(signal.SIGTSTP)
        monkeypatch.undo()
        assert happened == [(signal.SIG_DFL, True, True), ("resumed", False, False)]
        tty.wait_for(PASTE_MARKS_ON)
        tty.wait_for(PASTE_MARKS_OFF)
        tty.wait_for(PASTE_MARKS_ON)


@pytest.mark.usefixtures("default_actions")
def test_raw_mode_is_set_again_after_a_stop_that_cannot_be_handled(tty: Pty) -> None:
    with RawTerminal(tty.fd, tty.fd):
        raw = tty.current_modes()
        os.set_blocking(tty.fd, False)
        termios.tcsetattr(tty.fd, termios.TCSANOW, tty.modes)  # type: ignore[arg-type]
        signal.raise_signal(signal.SIGCONT)
        assert tty.current_modes() == raw
        assert not os.get_blocking(tty.fd)
    assert tty.current_modes() == tty.modes


@pytest.mark.usefixtures("default_actions")
def test_a_suspension_during_the_restoration_does_not_set_raw_mode_again(
    tty: Pty, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, flush = signal.raise_signal, termios.tcflush

    def interrupted(fd: int, queue: int) -> None:
        flush(fd, queue)
        send(signal.SIGTSTP)

    monkeypatch.setattr(signal, "raise_signal", lambda number: None)
    monkeypatch.setattr(termios, "tcflush", interrupted)
    with RawTerminal(tty.fd, tty.fd):
        pass
    assert tty.current_modes() == tty.modes


# Other processes

# Waits in select, with a wake-up descriptor: a blocking read would delay the handling of a signal
# that comes just before it until a key is pressed.
PROGRAM = """
import os, select, signal, sys
from protocols.console.terminal import RawTerminal

woken, waker = os.pipe()
os.set_blocking(waker, False)
signal.set_wakeup_fd(waker)

def pressed_key():
    while 0 not in select.select([0, woken], [], [])[0]:
        os.read(woken, 100)
        if os.tcgetpgrp(0) != os.getpgrp():
            break  # reading in the background stops the process, by SIGTTIN
    return os.read(0, 1)

for number in (signal.SIGHUP, signal.SIGTERM):
    signal.signal(number, signal.SIG_DFL)
with RawTerminal(resumed=lambda: os.write(1, b"resumed")):
    os.write(1, b"ready")
    while key := pressed_key():
        if key == b"q":
            break
        if key == b"x":
            raise ZeroDivisionError
"""


@contextmanager
def running(
    tty: Pty, program: str, output: int, argument: str = PROGRAM
) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [sys.executable, "-c", program, argument],
        stdin=tty.fd,
        stdout=output,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=ROOT,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("key", "number", "status"),
    [
        (b"q", None, 0),
        (b"x", None, 1),
        (None, signal.SIGINT, -signal.SIGINT),
        (None, signal.SIGTERM, -signal.SIGTERM),
        (None, signal.SIGHUP, -signal.SIGHUP),
        (None, signal.SIGQUIT, -signal.SIGQUIT),
    ],
)
def test_the_terminal_is_restored_when_the_process_ends(
    tty: Pty, key: bytes | None, number: signal.Signals | None, status: int
) -> None:
    with running(tty, PROGRAM, tty.fd) as process:
        tty.wait_for(b"ready")
        assert not tty.is_line_mode()
        if key is not None:
            tty.press(key)
        if number is not None:
            process.send_signal(number)
        assert process.wait(TIMEOUT) == status
    assert tty.current_modes() == tty.modes
    tty.wait_for(PASTE_MARKS_OFF)


SHELL = """
import fcntl, os, signal, subprocess, sys, termios

fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)


def to_foreground():
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)


def report(what):
    mode = "line" if termios.tcgetattr(0)[3] & termios.ICANON else "raw"
    print(what, mode, flush=True)


def wait_for_job():
    status = os.waitpid(job.pid, os.WUNTRACED)[1]
    os.tcsetpgrp(0, os.getpgrp())
    report(signal.Signals(os.WSTOPSIG(status) if os.WIFSTOPPED(status) else status).name)


job = subprocess.Popen(
    [sys.executable, "-c", sys.argv[1]], stdout=0, process_group=0, preexec_fn=to_foreground
)
"""

SUSPENDING_SHELL = (
    SHELL
    + """
wait_for_job()  # by Ctrl-Z

os.kill(job.pid, signal.SIGCONT)  # `bg`
wait_for_job()  # stopped, because it reads in the background

os.tcsetpgrp(0, job.pid)  # `fg`
os.kill(job.pid, signal.SIGCONT)
report(f"ended {job.wait()}")
"""
)


def test_ctrl_z_and_continuing_in_the_background_and_in_the_foreground(
    tty: Pty,
) -> None:
    with running(tty, SUSPENDING_SHELL, subprocess.PIPE) as shell:
        assert shell.stdout is not None
        tty.wait_for(b"ready")
        tty.press(b"\x1a")
        assert shell.stdout.readline() == b"SIGTSTP line\n"
        assert shell.stdout.readline() == b"SIGTTIN line\n"
        tty.wait_for(b"resumed")
        assert not tty.is_line_mode()
        tty.press(b"q")
        assert shell.stdout.readline() == b"ended 0 line\n"
        assert shell.wait(TIMEOUT) == 0
    assert tty.current_modes() == tty.modes


SLEEPER = """
import signal, time
from protocols.console.terminal import RawTerminal

signal.signal(signal.SIGTERM, signal.SIG_DFL)
with RawTerminal():
    while True:
        time.sleep(0.01)
"""

USURPING_SHELL = (
    SHELL
    + """
import time

while termios.tcgetattr(0)[3] & termios.ICANON:
    time.sleep(0.01)
os.tcsetpgrp(0, os.getpgrp())
job.terminate()
wait_for_job()
"""
)


def test_the_terminal_is_restored_even_from_the_background(tty: Pty) -> None:
    with running(tty, USURPING_SHELL, subprocess.PIPE, SLEEPER) as shell:
        assert shell.stdout is not None
        assert shell.stdout.readline() == b"SIGTERM line\n"
        assert shell.wait(TIMEOUT) == 0


def test_a_full_screen_program_has_a_screen_of_its_own(tty: Pty) -> None:
    with RawTerminal(tty.fd, tty.fd, full_screen=True):
        tty.wait_for(b"\x1b[?1049h\x1b[?25l\x1b[?7l")
    tty.wait_for(b"\x1b[m\x1b[?25h\x1b[?7h\x1b[?1049l")
    assert tty.current_modes() == tty.modes


def test_the_size_is_the_terminals(tty: Pty) -> None:
    terminal = RawTerminal(tty.fd, tty.fd)
    assert terminal.size == (80, 24)  # where it is unknown
    fcntl.ioctl(tty.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 132, 0, 0))
    assert terminal.size == (132, 50)
    assert terminal.columns == 132
