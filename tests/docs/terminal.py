"""A terminal with a shell in it, and transcripts that are typed into it and compared with its
screen.

The terminal is a pseudo-terminal whose screen pyte emulates. So a transcript is compared with what
a person would have seen: prompts, typed text, and what a program drew over. Nothing here sleeps for
a fixed time: each step waits until a line is on the screen.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pyte

from ..tools.waiting import TIMEOUT

COLUMNS, ROWS = 160, 1000
PROMPT = "$ "
# Times of day and dates differ each time; they are replaced before lines are compared.
VARYING = (
    (re.compile(r"\b\d\d:\d\d:\d\d\b"), "HH:MM:SS"),
    (re.compile(r"\b(Mon|Tues?|Wed(nes)?|Thu(rs)?|Fri|Sat(ur)?|Sun)(day)?\b"), "DAY"),
    (
        re.compile(
            r"\b(Jan(uary)?|Feb(ruary)?|Mar(ch)?|Apr(il)?|May|June?|July?|Aug(ust)?"
            r"|Sep(tember)?|Oct(ober)?|Nov(ember)?|Dec(ember)?) +\d\d?,? +\d{4}\b"
        ),
        "DATE",
    ),
    (re.compile(r"\b\d{4}-\d\d-\d\d\b"), "DATE"),
)
# The child takes the pseudo-terminal as its controlling terminal, which needs a new session.
_BECOME_SHELL = """
import fcntl, os, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp("bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"])
"""


class TranscriptError(Exception):
    """The session differs from its transcript."""


def same(shown: str, expected: str) -> bool:
    """Compare two lines; three dots in the expected one match anything."""
    for pattern, name in VARYING:
        shown, expected = pattern.sub(name, shown), pattern.sub(name, expected)
    parts = (re.escape(part) for part in expected.rstrip().split("..."))
    return re.fullmatch(".*".join(parts), shown.rstrip()) is not None


class Terminal:
    """A shell on a screen. ``lines`` is what the screen shows."""

    def __init__(self, folder: Path, environment: dict[str, str], statuses: Path) -> None:
        self._statuses = statuses
        statuses.touch()
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen)
        self.master, slave = os.openpty()
        try:
            fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
            self._shell = subprocess.Popen(
                [sys.executable, "-IS", "-c", _BECOME_SHELL],
                stdin=slave,
                stdout=slave,
                stderr=slave,
                cwd=folder,
                start_new_session=True,
                env=environment
                | {
                    "PS1": PROMPT,
                    "PROMPT_COMMAND": f"echo $? >>'{statuses}'",
                    "TERM": "linux",
                    "LC_ALL": "C.UTF-8",
                    "HISTFILE": "",
                    "BASH_SILENCE_DEPRECATION_WARNING": "1",
                },
            )
        except BaseException:
            os.close(self.master)
            raise
        finally:
            os.close(slave)
        os.set_blocking(self.master, False)

    def receive(self) -> None:
        try:
            data = os.read(self.master, 65536)
        except BlockingIOError:
            return
        except OSError as error:  # EIO: no process has the other end open any more
            raise TranscriptError("the shell has ended\n" + "\n".join(self.lines)) from error
        self._stream.feed(data)

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    @property
    def row(self) -> int:
        """The row of the cursor; the rows above it are complete."""
        return self._screen.cursor.y

    @property
    def lines(self) -> list[str]:
        return [self._line(y) for y in range(self.row + 1)]

    def _line(self, y: int) -> str:
        cells = self._screen.buffer[y]
        return "".join(cells[x].data for x in range(max(cells, default=-1) + 1)).rstrip()

    @property
    def at_prompt(self) -> bool:
        # There may be text before it: the ^C that ended a program, or a line without an end.
        cells = self._screen.buffer[self.row]
        return "".join(cells[x].data for x in range(self._screen.cursor.x)).endswith(PROMPT)

    @property
    def statuses(self) -> list[int]:
        """The exit status of each command so far; the first one is of the shell's start."""
        return [int(line) for line in self._statuses.read_text().split()]

    def close(self) -> None:
        """Hang up, which ends the shell and the programs in it."""
        os.close(self.master)
        try:
            self._shell.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._shell.pid, signal.SIGKILL)
            self._shell.wait()


def receive_until(
    terminals: Sequence[Terminal],
    condition: Callable[[], bool],
    what: Callable[[], str],
    patience: float = TIMEOUT,
) -> None:
    """Receive what the terminals' programs write until ``condition()`` is true.

    ``what()`` describes what is awaited. Raises ``TranscriptError`` after ``patience`` seconds in
    which no program has written anything."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise TranscriptError(f"this has not come: {what()}")
        ready, _, _ = select.select([t.master for t in terminals], [], [], 1.0)
        for terminal in terminals:
            if terminal.master in ready:
                terminal.receive()
                deadline = time.monotonic() + patience


class Session:
    """A transcript that is played in a terminal.

    Lines that begin with the prompt are typed. Each line of ``typed`` is typed too, when the
    transcript has been seen down to the line that ends with it, or, for ``TEXT => LINE``, down to
    LINE. A line of three dots stands for any number of lines. ``^C`` and ``^D`` are keys.
    """

    def __init__(self, terminal: Terminal, transcript: str, typed: str = "") -> None:
        self.terminal = terminal
        self._lines = transcript.splitlines()
        self._typed = [line.strip() for line in typed.splitlines() if line.strip()]
        self._next = 0  # the next line of the transcript
        self._row = 0  # the row of the screen where it must appear
        self._skipping = False  # after a line of dots
        self._sent = False  # what this line needs has been typed
        self._commands = [line for line in self._lines if line.startswith(PROMPT)]

    def step(self) -> bool:
        """Continue as far as the screen allows. Returns whether the whole transcript has been
        seen."""
        while self._next < len(self._lines) and self._advance(self._lines[self._next]):
            pass
        return self._next == len(self._lines) and not self._typed

    def has_shown(self, text: str) -> bool:
        """Whether the last of the transcript's lines that contain ``text`` has been seen."""
        if not any(text in line for line in self._lines):
            raise TranscriptError(f"the previous terminal has no line with {text!r}")
        return not any(text in line for line in self._lines[self._next :])

    def _advance(self, line: str) -> bool:
        if line.strip() == "...":
            self._skipping = True
            self._next += 1
            return True
        if not self._sent and not self._type_what_is_due(line):
            return False
        return self._seen(line)

    def _type_what_is_due(self, line: str) -> bool:
        """Type what makes this line appear, if anything does. Returns False if it is too early."""
        terminal = self.terminal
        if line.startswith(PROMPT):
            if not terminal.at_prompt or (not self._skipping and terminal.row != self._row):
                self._complain_if_wrong(PROMPT)
                return False
            self._row, self._skipping = terminal.row, False
            terminal.type(line.removeprefix(PROMPT) + "\n")
        elif line == "^C":
            terminal.type("\x03")
        elif self._typed:
            text, arrow, result = (part.strip() for part in self._typed[0].partition("=>"))
            if line.strip() == result if arrow else line.rstrip().endswith(text):
                del self._typed[0]
                terminal.type("\x04" if text == "^D" else text + "\n")
        self._sent = True
        return True

    def _seen(self, line: str) -> bool:
        shown = self.terminal.lines
        complete = len(shown) - 1  # the row of the cursor may still grow
        rows = range(self._row, complete if self._skipping else min(self._row + 1, complete))
        for row in rows:
            if same(shown[row], line):
                self._row, self._skipping, self._sent = row + 1, False, False
                self._next += 1
                return True
        self._complain_if_wrong(line)
        return False

    def _complain_if_wrong(self, line: str) -> None:
        """Raise ``TranscriptError`` if the row is complete and is not ``line``."""
        if not self._skipping and self.terminal.row > self._row:
            shown = self.terminal.lines
            if not same(shown[self._row], line):
                raise self.error(f"expected:  {line}\nbut it is:  {shown[self._row]}")

    def error(self, problem: str) -> TranscriptError:
        """An error with the problem and the screen, as it is when the program has ended."""
        with contextlib.suppress(TranscriptError):
            receive_until(
                [self.terminal], lambda: self.terminal.at_prompt, lambda: "", patience=2.0
            )
        screen = "\n".join(f"    | {line}" for line in self.terminal.lines)
        return TranscriptError(f"{problem}\nThe screen:\n{screen}")

    def waiting_for(self) -> str:
        line = self._lines[self._next] if self._next < len(self._lines) else "the prompt"
        screen = "\n".join(f"    | {shown}" for shown in self.terminal.lines)
        return f"{line!r}\nThe screen:\n{screen}"

    @property
    def ended(self) -> bool:
        """Whether the last command has ended, and all its output is on the screen."""
        return self.terminal.at_prompt and len(self.terminal.statuses) > len(self._commands)

    @property
    def way_out(self) -> str:
        """The keys that end the program: Ctrl+C, but telnet sends that to the peer."""
        return "\x1dquit\n" if self._commands[-1].startswith(PROMPT + "telnet ") else "\x03"

    def check(self, *, stopped: bool) -> None:
        """Check that all commands have succeeded and have shown nothing else.

        A command may fail if ``echo $?`` follows it in the transcript. A command that was
        ``stopped`` may show more than the transcript, and its status is 128 + 2 if it does not
        catch SIGINT.
        """
        shown = self.terminal.lines[self._row :]
        more = [line for line in shown if line not in ("", PROMPT.rstrip())]
        if more and not self._skipping and not stopped:
            raise self.error(f"the transcript does not show: {more[0]}")
        following = [*self._commands[1:], "stopped" if stopped else ""]
        for command, after, status in zip(
            self._commands, following, self.terminal.statuses[1:], strict=True
        ):
            expected = (0, 130) if after == "stopped" else (0,)
            if status not in expected and after != PROMPT + "echo $?":
                raise self.error(f"exit status {status}: {command}")
        if stopped and any("Traceback (most recent call last)" in line for line in shown):
            raise self.error("a traceback at the end")
