"""The HTTP servers under test: how to start each, what it needs, and the CPU time and memory of all
its processes.

Each has one worker, writes no access log, and keeps connections open during a run. The CPU time is
that of the server's processes, threads and child processes, including those that have ended."""

from __future__ import annotations

import argparse
import contextlib
import getpass
import grp
import importlib.metadata
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import IO, Self

from .common import (
    ROOT,
    START_TIMEOUT,
    BenchmarkError,
    Reading,
    python_server,
    server_and_load_cores,
)

HELLO = b"Hello, World!"
# Read once: another benchmark may bind this process to one core. Only Linux has these calls.
SERVER_CORES, LOAD_CORES = (
    server_and_load_cores() if hasattr(os, "sched_getaffinity") else (set(), set())
)


@dataclass(frozen=True, slots=True)
class Contender:
    """A server: its name, the command that starts it on a port, and the distributions from PyPI and
    the programs that it needs."""

    name: str
    command: Callable[[int], list[str]]
    distributions: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()

    def missing(self) -> list[str]:
        """Return what must be installed first."""
        return [name for name in self.distributions if _version(name) is None] + [
            name for name in self.programs if find_program(name) is None
        ]

    def versions(self) -> Iterator[str]:
        for name in self.distributions:
            yield f"{name} {_version(name)}"
        for name in self.programs:
            yield program_version(name)


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def find_program(name: str) -> str | None:
    """Return the program's path. A user's PATH often lacks the folder where nginx is."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


def program_version(name: str) -> str:
    """Return the name and version of a program, as ``name -v`` prints it."""
    program = find_program(name)
    assert program is not None
    result = subprocess.run([program, "-v"], capture_output=True, text=True, check=False)
    match = re.search(r"(\d[\w.]*)", result.stdout + result.stderr)
    return f"{name} {match[1] if match else 'of unknown version'}"


def installed(
    contenders: Iterable[Contender], options: argparse.Namespace, *programs: str
) -> list[Contender]:
    """Return the contenders to measure: those that can run, or with ``--smoke`` only our own. Print
    their versions, and what is missing.

    Raises BenchmarkError if the first contender, with which the others are compared, or one of the
    ``programs`` is missing."""
    for program in programs:
        if find_program(program) is None:
            raise BenchmarkError(f"{program} is needed: install it")
    present: list[Contender] = []
    versions = [program_version(program) for program in programs]
    for contender in contenders:
        if options.smoke and "reactor" not in contender.name:
            continue
        missing = contender.missing()
        if missing and not present:
            raise BenchmarkError(f"{contender.name} needs {', '.join(missing)}: install it")
        if missing:
            print(f"Without {contender.name}; not installed: {', '.join(missing)}.")
        else:
            present.append(contender)
            versions += [version for version in contender.versions() if version not in versions]
    print(f"With {', '.join(versions)}.\n", flush=True)
    return present


# -- the contenders --------------------------------------------------------------------------------


def python(name: str, script: str, *arguments: object, needs: tuple[str, ...] = ()) -> Contender:
    """Return the contender that runs ``servers/SCRIPT.py ARGUMENTS PORT``."""
    return Contender(name, lambda port: python_server(script, *arguments, port), needs)


def nginx(folder: Path) -> Contender:
    """Return nginx in the temporary ``folder``. It serves ``folder/files``, and 13 bytes at
    ``/hello/*``."""

    def command(port: int) -> list[str]:
        (folder / "nginx.conf").write_text(_nginx_configuration(folder, port))
        program = find_program("nginx") or "nginx"
        return [program, "-p", str(folder), "-c", "nginx.conf", "-e", "stderr"]

    return Contender("nginx", command, programs=("nginx",))


def _nginx_configuration(folder: Path, port: int) -> str:
    user = ""
    if os.geteuid() == 0:  # otherwise its worker runs as a user that cannot read the folder
        user = f"user {getpass.getuser()} {grp.getgrgid(os.getegid()).gr_name};"
    return f"""\
{user}
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid nginx.pid;
error_log stderr warn;
events {{
    worker_connections 16384;
}}
http {{
    access_log off;
    client_body_temp_path body;
    fastcgi_temp_path fastcgi;
    proxy_temp_path proxy;
    scgi_temp_path scgi;
    uwsgi_temp_path uwsgi;
    sendfile on;
    tcp_nopush on;
    tcp_nodelay on;
    keepalive_timeout 3600s;
    keepalive_requests 1000000000;
    default_type text/plain;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location /hello/ {{
            return 200 "{HELLO.decode()}";
        }}
        location / {{
            root {folder}/files;
        }}
    }}
}}
"""


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="benchmarks-", ignore_cleanup_errors=True) as name:
        yield Path(name)


# -- one of them, running --------------------------------------------------------------------------


class RunningServer:
    """A server's processes, in a separate session, all on the core for servers. A context manager
    that kills them all at the end."""

    def __init__(self, contender: Contender) -> None:
        self.name = contender.name
        self.port = _free_port()
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = start(
            contender.command(self.port),
            SERVER_CORES,
            stdin=subprocess.DEVNULL,
            stdout=self._errors,
            stderr=self._errors,
            start_new_session=True,
        )
        try:
            self._wait_until_it_listens()
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        while pids := self._pids(running=True):
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait()
        self._errors.close()

    def reading(self) -> Reading:
        """Return the CPU time and memory of all processes of the server."""
        if self._process.poll() is not None:
            raise self.failure("has ended")
        readings = []
        for pid in self._pids():
            with contextlib.suppress(
                FileNotFoundError, ProcessLookupError
            ):  # the process has just ended
                readings.append(Reading.of(pid))
        ended = _waited_for(self._process.pid)
        return Reading(
            sum(reading.user for reading in readings) + ended[0],
            sum(reading.system for reading in readings) + ended[1],
            sum(reading.resident for reading in readings),
        )

    def check(self, path: str, body: bytes) -> None:
        """Check that the server responds correctly, twice on one connection."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=START_TIMEOUT)
        with contextlib.closing(connection):
            try:
                for _ in range(2):
                    connection.request("GET", path)
                    response = connection.getresponse()
                    self._check_response(path, response, body)
            except (OSError, HTTPException) as exc:
                raise self.failure(f"did not respond to {path}: {exc!r}") from exc

    def _check_response(self, path: str, response: HTTPResponse, body: bytes) -> None:
        content = response.read()
        if response.status != 200 or content != body:
            raise self.failure(f"responds to {path} with {response.status}, {len(content)} bytes")
        if response.getheader("Content-Length") != str(len(body)):
            raise self.failure(f"sends no Content-Length for {path}")
        if response.will_close:
            raise self.failure("does not keep connections open")

    def failure(self, what: str) -> BenchmarkError:
        """Return an error that says what the server did, with the last line that it printed."""
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return BenchmarkError(f"{self.name} {what}" + (f" ({last})" if last else ""))

    def _wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise self.failure("ended at once")
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise self.failure("did not listen in time")

    def _pids(self, *, running: bool = False) -> list[int]:
        """Return all processes of the server's session, without zombies if ``running``."""
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, _, _, session, *_ = path.read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(session) == self._process.pid and not (running and state == "Z"):
                found.append(int(path.parent.name))
        return found


def start(command: list[str], cores: set[int], **options: object) -> subprocess.Popen[str]:
    """Start a program on ``cores``. All its threads and child processes stay on them, too."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        return subprocess.Popen(command, text=True, cwd=ROOT, **options)  # type: ignore[call-overload, no-any-return]
    except OSError as exc:
        raise BenchmarkError(f"cannot start {command[0]}: {exc.strerror}") from exc
    finally:
        os.sched_setaffinity(0, before)


def _waited_for(pid: int) -> tuple[float, float]:
    """Return the seconds of CPU, user and system, of the process's children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = os.sysconf("SC_CLK_TCK")
    return int(fields[13]) / ticks, int(fields[14]) / ticks


def _free_port() -> int:
    """Not one that the system chooses for connections: one of a load's might take it meanwhile."""
    for port in random.sample(range(10_000, 30_000), 1000):
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port
    raise BenchmarkError("no port is free")
