"""Runs the code blocks of a document as a reader would. A block is skipped only with a reason.

Each document has its own folder with a copy of the project. Its blocks are run in their order, each
as its language says:

``python``
    A script. It must end with status 0, without a warning and with nothing on standard error.
``pycon``, and blocks that begin with ``>>>``
    Doctests. Those of one document share their names.
``console``
    A session in a terminal. The text after ``$ `` is typed into a shell, and the screen must then
    look like the block. Three dots match anything, and times of day and dates may differ. Each
    command must end, with status 0 unless ``echo $?`` follows.
``sh``
    Commands to copy. Each must end with status 0; their output is not compared.
``toml``
    Must be well formed.

Any other language is an error. A comment directly before a block, which readers do not see, gives
further instructions:

``.. file: echo.py``
    (python) Save it under this name. A later block of the document must use the file.
``.. continues:``
    (python) Run it after the text of the previous python block, in one script.
``.. runs on:``
    (console) The last command, such as a server, runs until the end of the document, where Ctrl+C
    must end it well.
``.. runs on: TEXT``
    (sh) The same; a line with this text shows that the command is ready.
``.. serves: 8007``
    (python, console, sh) The same; it is ready when this TCP port answers.
``.. typed:``
    (console) Type the indented lines that follow into the programs of the session: see
    ``terminal.Session``.
``.. restart:``
    End all programs that still run before this block, which may start them again.
``.. meanwhile: TEXT``
    (console) Open another terminal when the previous one has shown this text. Both continue
    together.
``.. output:``
    (text) The output of the previous python block.
``.. not run: REASON``
    Do not run it.

The documents and the programs of the lessons use well-known ports. Here each is replaced by a free
port with as many digits.
"""

from __future__ import annotations

import contextlib
import doctest
import math
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..tools.waiting import TIMEOUT
from .blocks import Block
from .terminal import Session, Terminal, TranscriptError, receive_until

# Each protocol's default ports, TCP and UDP.
DEFAULT_PORTS = {
    "chat": {"PORT": 8555, "UDP_PORT": 9555, "WEB_PORT": 8580, "IRC_PORT": 6667},
    "echo": {"PORT": 8007, "UDP_PORT": 8007},
    "ftp": {"PORT": 2121},
    "http": {"PORT": 8080},
    "mail": {"PORT": 2525, "POP3_PORT": 1100, "WEB_PORT": 8025},
    "time": {"PORT": 8013, "UDP_PORT": 8013},
}
OTHER_PORTS = {8000, 8001, 8002, 8443, 8990}
_AGAIN = 5.0  # seconds until a program that has not ended gets its keys once more


class Ports:
    """A free port in place of each port that the documents mention."""

    def __init__(self) -> None:
        documented = OTHER_PORTS.union(*(ports.values() for ports in DEFAULT_PORTS.values()))
        # Four digits like the documented ports, and outside the range from which the system assigns
        # ports by itself.
        candidates = set(range(2000, 10_000)) - documented
        # Tests on other versions of Python may run at the same time, so each version has its ports.
        candidates = {port for port in candidates if port % 4 == sys.version_info.minor % 4}
        free = filter(_is_free, random.sample(sorted(candidates), len(candidates)))
        self._replacements = dict(zip(sorted(documented), free, strict=False))
        ports = "|".join(map(str, documented))
        self._pattern = re.compile(rf"(?<![\d.,])({ports})(?!\d|[.,]\d)")

    def __getitem__(self, port: int) -> int:
        return self._replacements[port]

    def replace(self, text: str) -> str:
        return self._pattern.sub(lambda match: str(self[int(match[0])]), text)


def _is_free(port: int) -> bool:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram,
    ):
        try:
            stream.bind(("127.0.0.1", port))
            datagram.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Trial:
    """The run of one document: its folder, its ports, and the programs that still run."""

    def __init__(self, blocks: list[Block], folder: Path) -> None:
        self.blocks = blocks
        self.folder = folder
        self.ports = Ports()
        self.tried = 0
        self._sessions: list[tuple[Block, Session]] = []
        self._servers: list[tuple[Block, subprocess.Popen[bytes], Path]] = []
        self._names: dict[str, Any] = {"__name__": "__main__"}
        self._python = ""  # the text of the last python block, with what it continues
        self._printed = ""
        for program in folder.glob("docs/lessons/*/*.py"):
            program.write_text(self.ports.replace(program.read_text()))

    def run(self) -> None:
        """Run each block. Raises ``DocumentError`` for the first that fails."""
        try:
            for index, block in enumerate(self.blocks):
                if "meanwhile" not in block.notes:
                    self._finish()
                if "restart" in block.notes:
                    self._end()
                self._try(index, block)
                self.tried += 1
            self._finish()
            self._end()
        finally:
            self._clean_up()

    def _try(self, index: int, block: Block) -> None:
        if "not run" in block.notes:
            if not block.notes["not run"]:
                raise block.error("'not run' needs a reason")
            return
        if block.language == "text" and "output" in block.notes:
            if block.text.strip() != self._printed.strip():
                raise block.error(f"the block before it prints:\n{self._printed}")
            return
        kinds: dict[str, Callable[[Block], None]] = {
            "console": self._console,
            "pycon": self._doctest,
            "python": self._script,
            "sh": self._console,
            "toml": self._toml,
        }
        if block.language not in kinds:
            raise block.error(
                f"a block must be {', '.join(sorted(kinds))}, or say why it is 'not run'"
            )
        if "file" in block.notes:
            self._save(block, self.blocks[index + 1 :])
        else:
            kinds[block.language](block)

    # --- Python ---

    def _save(self, block: Block, later: list[Block]) -> None:
        name = block.notes["file"]
        module = re.escape(Path(name).stem)
        wanted = re.compile(rf"\b({re.escape(name)}\b|{module}:|(from|import) {module}\b)")
        if not any(wanted.search(b.text) for b in later if "not run" not in b.notes):
            raise block.error(f"no later block uses the file {name}")
        (self.folder / name).write_text(self._source(block), encoding="utf-8")

    def _source(self, block: Block) -> str:
        before = f"{self._python}\n\n" if "continues" in block.notes else ""
        self._python = before + block.text + "\n"
        return self.ports.replace(self._python)

    def _script(self, block: Block) -> None:
        path = self.folder / f"block_at_line_{block.line}.py"
        path.write_text(self._source(block), encoding="utf-8")
        if re.search(r"^def test_", block.text, re.MULTILINE):
            raise block.error("a test that nothing calls: give it a 'file', and show how it is run")
        command = [sys.executable, "-W", "error", str(path)]
        if "serves" in block.notes:
            errors = path.with_suffix(".errors")
            with errors.open("wb") as stderr:
                server = subprocess.Popen(command, cwd=self.folder, stderr=stderr)
            self._servers.append((block, server, errors))
            self._await_port(block)
            return
        try:
            result = subprocess.run(
                command,
                cwd=self.folder,
                capture_output=True,
                check=False,
                text=True,
                timeout=TIMEOUT,
            )
        except subprocess.TimeoutExpired as error:
            raise block.error("does not end; if that is intended, say what it 'serves'") from error
        if result.returncode != 0 or result.stderr:
            raise block.error(f"exit status {result.returncode}\n{result.stderr}")
        self._printed = result.stdout

    def _doctest(self, block: Block) -> None:
        test = doctest.DocTestParser().get_doctest(
            self.ports.replace(block.text) + "\n", self._names, str(block), None, block.line
        )
        report: list[str] = []
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
        failed, attempted = runner.run(test, out=report.append, clear_globs=False)
        self._names.update(test.globs)
        if failed or not attempted:
            raise block.error("".join(report) or "no example in it")

    def _toml(self, block: Block) -> None:
        try:
            tomllib.loads(block.text)
        except tomllib.TOMLDecodeError as error:
            raise block.error(str(error)) from None

    # --- terminals ---

    def _console(self, block: Block) -> None:
        transcript = block.text
        if block.language == "sh":
            commands = transcript.replace("\\\n", " ").splitlines()
            commands = [line for line in commands if line.strip() and not line.startswith("#")]
            transcript = "".join(f"$ {line}\n...\n" for line in commands)
            transcript += block.notes.get("runs on", "")
        if not transcript.startswith("$ "):
            raise block.error("a session begins with a command, after '$ '")
        session = self._open_terminal(block, self.ports.replace(transcript))
        self._drive(block, session)

    def _open_terminal(self, block: Block, transcript: str) -> Session:
        if "meanwhile" in block.notes:
            if not self._sessions:
                raise block.error("there is no terminal before it")
            before = self._sessions[-1][1]
            text = self.ports.replace(block.notes["meanwhile"])
            self._wait(lambda: before.has_shown(text), block, before)
        environment = dict(os.environ)
        environment["PATH"] = os.pathsep.join(
            [str(Path(sys.executable).parent), os.environ["PATH"]]
        )
        protocol = re.search(r"--protocol[ =](\w+)", transcript)
        if protocol and protocol[1] in DEFAULT_PORTS:
            for option, port in DEFAULT_PORTS[protocol[1]].items():
                environment[f"REACTOR_{option}"] = str(self.ports[port])
        statuses = self.folder / f".statuses-{block.line}"
        terminal = Terminal(self.folder, environment, statuses)
        session = Session(terminal, transcript, self.ports.replace(block.notes.get("typed", "")))
        self._sessions.append((block, session))
        return session

    def _drive(self, block: Block, session: Session) -> None:
        """Run the session, unless the next block is a terminal that runs together with it."""
        index = self.blocks.index(block)
        follower = self.blocks[index + 1 : index + 2]
        if follower and "meanwhile" in follower[0].notes:
            return
        self._finish()
        if "serves" in block.notes:
            self._await_port(block)

    def _finish(self) -> None:
        """Wait until all transcripts are complete and each command that must end has ended."""
        for block, session in self._sessions:
            self._wait(session.step, block, session)
            if not _runs_on(block):
                self._wait(lambda s=session: s.ended, block, session)  # type: ignore[misc]

    def _wait(self, condition: Callable[[], bool], block: Block, session: Session) -> None:
        terminals = [session.terminal for _, session in self._sessions]

        def all_step() -> bool:
            for other, each in self._sessions:
                try:
                    each.step()
                except TranscriptError as error:
                    raise other.error(str(error)) from None
            return condition()

        try:
            receive_until(terminals, all_step, session.waiting_for)
        except TranscriptError as error:
            raise block.error(str(error)) from None

    def _await_port(self, block: Block) -> None:
        port = self.ports[int(block.notes["serves"])]
        deadline = time.monotonic() + TIMEOUT
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port)).close()
                return
            if time.monotonic() > deadline or any(
                s.poll() is not None for _, s, _ in self._servers
            ):
                raise block.error(f"does not serve port {block.notes['serves']}")
            time.sleep(0.02)

    # --- the end ---

    def _end(self) -> None:
        """End what still runs, the newest first, as Ctrl+C would. Each program must end with status
        0."""
        for block, session in reversed(self._sessions):
            runs_on = _runs_on(block)
            if runs_on and not session.ended:
                self._type_way_out(block, session)
            try:
                session.check(stopped=runs_on)
            except TranscriptError as error:
                raise block.error(str(error)) from None
        for block, server, errors in reversed(self._servers):
            server.send_signal(signal.SIGINT)
            if server.wait(TIMEOUT) != 0 or errors.read_bytes():
                raise block.error(f"status {server.returncode}\n{errors.read_text()}")
        self._clean_up()

    def _type_way_out(self, block: Block, session: Session) -> None:
        """Type the keys that end a program, and wait for its end.

        CPython loses a Ctrl+C that comes after the main thread has looked for signals, and before
        it blocks in a system call: ``read()`` then waits for the next key. On a busy machine that
        takes long enough, if releasing the GIL lets another thread of the program run first. So
        the keys are typed once more, as a user would."""
        times = iter([time.monotonic(), time.monotonic() + _AGAIN, math.inf])
        next_time = next(times)

        def has_ended() -> bool:
            nonlocal next_time
            if not session.ended and time.monotonic() >= next_time:
                next_time = next(times)
                session.terminal.type(session.way_out)
            return session.ended

        self._wait(has_ended, block, session)

    def _clean_up(self) -> None:
        for _, session in reversed(self._sessions):
            session.terminal.close()
        for _, server, _ in self._servers:
            if server.poll() is None:
                server.kill()
            server.wait()
        self._sessions.clear()
        self._servers.clear()


def _runs_on(block: Block) -> bool:
    return "runs on" in block.notes or "serves" in block.notes
