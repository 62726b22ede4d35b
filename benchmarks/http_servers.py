"""The HTTP servers under test: how each is started, what it lacks if it cannot be, and what all of
its processes take of CPU and memory.

Each has one worker, writes no access log, and keeps connections for as long as the run takes. The
CPU time is that of the server's processes, threads and children, those that ended included."""

from __future__ import annotations

import contextlib
import getpass
import grp
import importlib.metadata
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import IO, Self

from .common import HERE, START_TIMEOUT, BenchmarkError, Reading, _cores

HELLO = b"Hello, World!"
SERVERS = HERE / "servers"
# Read once: another benchmark may bind this process to one core. Nothing runs where there are none.
SERVER_CORES, LOAD_CORES = _cores() if hasattr(os, "sched_getaffinity") else (set(), set())


@dataclass(frozen=True, slots=True)
class Contender:
    """A server by its name, the command that starts it on a port, and the distributions from PyPI
    and the programs without which it cannot run."""

    name: str
    command: Callable[[int], list[str]]
    distributions: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()

    def missing(self) -> list[str]:
        """What must be installed first."""
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
    """Its path. A user's PATH often lacks the folder where nginx is."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


def program_version(name: str) -> str:
    """What ``name -v`` says of it."""
    program = find_program(name)
    assert program is not None
    result = subprocess.run([program, "-v"], capture_output=True, text=True, check=False)
    match = re.search(r"(\d[\w.]*)", result.stdout + result.stderr)
    return f"{name} {match[1] if match else 'of some version'}"


def installed(contenders: Iterable[Contender], *programs: str) -> list[Contender]:
    """Those that can run. Say who cannot, and the versions. The first one, with which the others
    are compared, and the ``programs`` must be there."""
    for program in programs:
        if find_program(program) is None:
            raise BenchmarkError(f"{program} is needed: install it")
    present: list[Contender] = []
    versions = [program_version(program) for program in programs]
    for contender in contenders:
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
    """``servers/SCRIPT.py ARGUMENTS PORT``."""
    command = [sys.executable, str(SERVERS / f"{script}.py"), *map(str, arguments)]
    return Contender(name, lambda port: [*command, str(port)], needs)


def nginx(folder: Path) -> Contender:
    """nginx in the temporary ``folder``: serves ``folder/files``, and 13 bytes at ``/hello/*``."""

    def command(port: int) -> list[str]:
        (folder / "nginx.conf").write_text(_nginx_configuration(folder, port))
        program = find_program("nginx") or "nginx"
        return [program, "-p", str(folder), "-c", "nginx.conf", "-e", "stderr"]

    return Contender("nginx", command, programs=("nginx",))


def _nginx_configuration(folder: Path, port: int) -> str:
    user = ""
    if os.geteuid() == 0:  # or its worker becomes someone who may not read the folder
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
    """A server's processes: a session of their own, all on the core for servers. A context manager
    that ends them all."""

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
        """CPU time and memory of all its processes."""
        if self._process.poll() is not None:
            raise self.failure("has ended")
        readings = []
        for pid in self._pids():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
                readings.append(Reading.of(pid))
        ended = _waited_for(self._process.pid)
        return Reading(
            sum(reading.user for reading in readings) + ended[0],
            sum(reading.system for reading in readings) + ended[1],
            sum(reading.resident for reading in readings),
        )

    def check(self, path: str, body: bytes) -> None:
        """See that the server answers as it should, twice on one connection."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=START_TIMEOUT)
        with contextlib.closing(connection):
            try:
                for _ in range(2):
                    connection.request("GET", path)
                    response = connection.getresponse()
                    self._check_response(path, response, body)
            except (OSError, HTTPException) as exc:
                raise self.failure(f"did not answer {path}: {exc!r}") from exc

    def _check_response(self, path: str, response: HTTPResponse, body: bytes) -> None:
        content = response.read()
        if response.status != 200 or content != body:
            raise self.failure(f"answers {path} with {response.status}, {len(content)} bytes")
        if response.getheader("Content-Length") != str(len(body)):
            raise self.failure(f"does not announce the length of {path}")
        if response.will_close:
            raise self.failure("does not keep connections open")

    def failure(self, what: str) -> BenchmarkError:
        """An error that says what the server did, and the last line that it wrote."""
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
        """All processes of the session that the first one leads, without zombies if ``running``."""
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
    """Start a program on ``cores``, with all threads and processes that it makes from the first."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        return subprocess.Popen(command, text=True, cwd=HERE.parent, **options)  # type: ignore[call-overload, no-any-return]
    except OSError as exc:
        raise BenchmarkError(f"cannot start {command[0]}: {exc.strerror}") from exc
    finally:
        os.sched_setaffinity(0, before)


def _waited_for(pid: int) -> tuple[float, float]:
    """Seconds of CPU, user and system, of children of the process that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = os.sysconf("SC_CLK_TCK")
    return int(fields[13]) / ticks, int(fields[14]) / ticks


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
