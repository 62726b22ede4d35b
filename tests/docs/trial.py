"""Tries out the code blocks of a document, as a reader would. None is skipped without a reason.

Each document is tried in a folder of its own that holds a copy of the project, its blocks one after
another:

``python``
    is a script: it must end with status 0, with no warning and nothing on standard error.
``pycon``, and what begins with ``>>>``
    is a doctest; those of one document share their names.
``console``
    is a session in a terminal. What follows ``$ `` is typed into a shell, and the screen must look
    as the block does; three dots stand for anything, and times of day and dates may differ. Each
    command must end, with status 0 unless ``echo $?`` follows.
``sh``
    is commands to be copied. Each must end with status 0; their output is not compared.
``toml``
    must be well formed.

Any other kind is an error. A comment directly before a block, which no reader sees, says what
cannot be guessed:

``.. file: echo.py``
    (python) Saved under this name, for a later block of the document to use; there must be one.
``.. continues:``
    (python) Run after the text of the python block before it.
``.. runs on:``
    (console) The last command, such as a server, runs until the end of the document, where Ctrl+C
    must end it well.
``.. runs on: TEXT``
    (sh) Likewise, and a line with this text says that it is ready.
``.. serves: 8007``
    (python, console, sh) Likewise, and it is ready when this TCP port answers.
``.. typed:``
    (console) The lines after it, indented, are typed into the programs that run there: see
    ``terminal.Session``.
``.. afresh:``
    What still runs is ended first, so that this block can start it anew.
``.. meanwhile: TEXT``
    (console) Another terminal, that goes on together with the one before it, once that has shown
    this text.
``.. output:``
    (text) What the python block before it printed.
``.. not run: REASON``
    Not tried.

The ports in the documents are the ones people use. Here each is replaced by a free one with as many
digits.
"""

from __future__ import annotations

import contextlib
import doctest
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
from .terminal import Session, Terminal, TranscriptError, wait_until

# Where each protocol listens if nothing else is said, over TCP and UDP.
DEFAULT_PORTS = {
    "chat": (8555, 9555),
    "echo": (8007, 8007),
    "http": (8080, 8080),
    "time": (8013, 8013),
}
OTHER_PORTS = {8000, 8001, 8002, 8443}


class Ports:
    """Finds a free port for each port that the documents mention."""

    def __init__(self) -> None:
        documented = OTHER_PORTS.union(*DEFAULT_PORTS.values())
        # Four digits, as the documented ones have, are also out of the range that the system gives
        # to others by itself.
        candidates = set(range(2000, 10_000)) - documented
        # Tests on other versions of Python may run at the same time: each has ports of its own.
        candidates = {port for port in candidates if port % 4 == sys.version_info.minor % 4}
        free = filter(_is_free, random.sample(sorted(candidates), len(candidates)))
        self._replacements = dict(zip(sorted(documented), free, strict=False))
        ports = "|".join(map(str, documented))
        self._pattern = re.compile(rf"(?<![\d.,])({ports})(?![\d,]|\.\d)")

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
    """One document on trial: its folder, its ports, and what it has left running."""

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

    def run(self) -> None:
        """Try each block. Raises DocumentError for the first that fails."""
        try:
            for index, block in enumerate(self.blocks):
                if "meanwhile" not in block.notes:
                    self._finish()
                if "afresh" in block.notes:
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
            raise block.error("does not end; if it shall not, say what it 'serves'") from error
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
            tcp, udp = DEFAULT_PORTS[protocol[1]]
            environment["REACTOR_PORT"] = str(self.ports[tcp])
            environment["REACTOR_UDP_PORT"] = str(self.ports[udp])
        statuses = self.folder / f".statuses-{block.line}"
        terminal = Terminal(self.folder, environment, statuses)
        session = Session(terminal, transcript, self.ports.replace(block.notes.get("typed", "")))
        self._sessions.append((block, session))
        return session

    def _drive(self, block: Block, session: Session) -> None:
        """Go as far as one can without waiting for what only a later terminal brings about."""
        index = self.blocks.index(block)
        follower = self.blocks[index + 1 : index + 2]
        if follower and "meanwhile" in follower[0].notes:
            return
        self._finish()
        if "serves" in block.notes:
            self._await_port(block)

    def _finish(self) -> None:
        """See all that the transcripts show, and the end of each command that shall have one."""
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
            wait_until(terminals, all_step, session.waiting_for)
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
        """End what still runs, the newest first, as Ctrl+C would: nothing may go wrong in that."""
        for block, session in reversed(self._sessions):
            runs_on = _runs_on(block)
            if runs_on and not session.ended:
                session.terminal.type(session.way_out)
                self._wait(lambda s=session: s.ended, block, session)  # type: ignore[misc]
            try:
                session.check(stopped=runs_on)
            except TranscriptError as error:
                raise block.error(str(error)) from None
        for block, server, errors in reversed(self._servers):
            server.send_signal(signal.SIGINT)
            if server.wait(TIMEOUT) != 0 or errors.read_bytes():
                raise block.error(f"status {server.returncode}\n{errors.read_text()}")
        self._clean_up()

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
