"""FTP: large and small files and idle sessions, compared with vsftpd and pyftpdlib.

Large: throughput and CPU time of a file of 100 MB in binary. "sendfile only" is a loop around that
system call: no server can cost much less, because the rest is the system's work on TCP. Small: CPU
time of listing a folder of 1,000 files of 1 KiB and fetching each. Idle: memory of a session that
has logged in. CPU time and memory are those of all processes of the server: vsftpd has two for each
session. The load is written in Python. Passive connections, without TLS; all files are in the page
cache."""

from __future__ import annotations

import argparse
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

from .common import (
    Result,
    goal,
    interleave,
    machine_busy,
    median,
    print_table,
    python_server,
    ratio_of_medians,
    reactor_command,
)
from .http_servers import LOAD_CORES, Contender, RunningServer, installed, temporary_folder
from .idle import allow_descriptors

_TIMEOUT = 60.0  # seconds
_SETTLING = 1.0  # seconds before memory is read
_SMALL_SIZE = 1024  # bytes
_FLOOR = "sendfile only"

SMOKE = {"megabytes": 1, "downloads": 2, "files": 5, "times": 1, "sessions": 5, "rounds": 1}

Measure = Callable[[list[str]], Result]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--megabytes", type=int, default=100, help="size of the large file")
    parser.add_argument("--downloads", type=int, default=10, help="of the large file in each run")
    parser.add_argument("--files", type=int, default=1000, help="small files")
    parser.add_argument("--times", type=int, default=3, help="that all small files are fetched")
    parser.add_argument("--sessions", type=int, default=1000, help="idle sessions")
    parser.add_argument("--rounds", type=int, default=5)


def run(options: argparse.Namespace) -> bool:
    allow_descriptors(options.sessions + 100)
    with temporary_folder() as folder:
        root = folder / "root"
        _make_files(root, options)
        contenders = [
            Contender("reactor", lambda port: _reactor(root, port)),
            Contender("vsftpd", lambda port: _vsftpd(folder, root, port), programs=("vsftpd",)),
            Contender(
                "pyftpdlib",
                lambda port: python_server("ftp_pyftpdlib", root, port),
                ("pyftpdlib",),
            ),
            Contender(_FLOOR, lambda port: python_server("ftp_sendfile", root, port)),
        ]
        present = {contender.name: contender for contender in installed(contenders, options)}

        def with_server(load: Callable[[RunningServer, argparse.Namespace], Result]) -> Measure:
            def measure(names: list[str]) -> Result:
                with _Server(present[names[0]]) as server:
                    try:
                        return load(server, options)
                    except OSError as exc:
                        raise server.failure(str(exc)) from exc

            return measure

        names = {name: [name] for name in present}
        large = interleave(names, options, with_server(_load_large))
        floor = large.pop(_FLOOR, None)
        met = _report_large(large, floor, options)
        names.pop(_FLOOR, None)
        met &= _report_small(interleave(names, options, with_server(_load_small)), options)
        met &= _report_idle(interleave(names, options, with_server(_load_idle)), options)
    return met


# -- servers ---------------------------------------------------------------------------------------


def _make_files(root: Path, options: argparse.Namespace) -> None:
    (root / "small").mkdir(parents=True)
    (root / "large").write_bytes(os.urandom(1 << 20) * options.megabytes)
    for number in range(options.files):
        (root / "small" / f"{number:04}").write_bytes(os.urandom(_SMALL_SIZE))
    # Anonymous users of vsftpd are another user, and may not write to their root.
    root.parent.chmod(0o755)
    root.chmod(0o555)


def _reactor(root: Path, port: int) -> list[str]:
    options = ("--max-connections", "10000", "--login-timeout", "600", "--idle-timeout", "600")
    return reactor_command("--protocol", "ftp", "--root", str(root), "--port", str(port), *options)


def _vsftpd(folder: Path, root: Path, port: int) -> list[str]:
    configuration = folder / "vsftpd.conf"
    secure = folder / "empty"
    secure.mkdir(exist_ok=True)
    configuration.write_text(
        f"listen=YES\nlisten_address=127.0.0.1\nlisten_port={port}\nbackground=NO\n"
        f"anonymous_enable=YES\nno_anon_password=YES\nanon_root={root}\n"
        f"local_enable=NO\nxferlog_enable=NO\nuse_sendfile=YES\nmax_clients=0\nmax_per_ip=0\n"
        f"secure_chroot_dir={secure}\nftp_username=daemon\nseccomp_sandbox=NO\n"
        "run_as_launching_user=NO\n"
    )
    return ["vsftpd", str(configuration)]


# -- the load --------------------------------------------------------------------------------------


class _Server(RunningServer):
    """Counts and ends also processes in sessions of their own, as those of vsftpd are."""

    def _pids(self, *, running: bool = False) -> list[int]:
        parents = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, parent, *_ = path.read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if not (running and state == "Z"):
                parents[int(path.parent.name)] = int(parent)
        found = {self._process.pid} & parents.keys()
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return sorted(found)


class Client:
    """A client with blocking sockets."""

    def __init__(self, port: int) -> None:
        self._sock = socket.create_connection(("127.0.0.1", port), _TIMEOUT)
        self._file = self._sock.makefile("rb")
        self.reply()
        self.ask("USER anonymous")
        self.ask("PASS x")
        self.ask("TYPE I")

    def reply(self) -> bytes:
        """Return the last line of a reply."""
        line = self._file.readline()
        first = line
        while line[3:4] == b"-" or (first[3:4] == b"-" and line[:4] != first[:3] + b" "):
            line = self._file.readline()
        if not line or line[:1] in b"45":
            raise ConnectionError(f"unexpected reply: {line!r}")
        return line

    def ask(self, command: str) -> bytes:
        self._sock.sendall(f"{command}\r\n".encode())
        return self.reply()

    def fetch(self, command: str, buffer: bytearray) -> int:
        """Read what a command sends, and return its size."""
        port = int(self.ask("EPSV").split(b"|")[3])
        with socket.create_connection(("127.0.0.1", port), _TIMEOUT) as data:
            self._sock.sendall(f"{command}\r\n".encode())
            self.reply()
            size = 0
            while received := data.recv_into(buffer):
                size += received
        self.reply()
        return size

    def close(self) -> None:
        self._file.close()
        self._sock.close()


def _measured(server: RunningServer, load: Callable[[], int]) -> Result:
    """Run ``load()``, which returns how many units it has done, on the core for loads."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, LOAD_CORES)
    try:
        before, own_before, busy_before = server.reading(), time.process_time(), machine_busy()
        started = time.monotonic()
        count = load()
        seconds = time.monotonic() - started
        busy, own = machine_busy() - busy_before, time.process_time() - own_before
        after = server.reading()
    finally:
        os.sched_setaffinity(0, cores)
    return Result(
        count,
        seconds,
        after.user - before.user,
        after.system - before.system,
        before.resident,
        after.resident,
        {},
        (busy - own - (after.cpu - before.cpu)) / seconds,
    )


def _load_large(server: RunningServer, options: argparse.Namespace) -> Result:
    client = Client(server.port)
    buffer = bytearray(1 << 20)
    expected = options.megabytes << 20

    def load() -> int:
        for _ in range(options.downloads):
            if client.fetch("RETR large", buffer) != expected:
                raise server.failure("sent a file of another size")
        return int(options.downloads * options.megabytes)

    client.fetch("RETR large", buffer)
    result = _measured(server, load)
    client.close()
    return result


def _load_small(server: RunningServer, options: argparse.Namespace) -> Result:
    client = Client(server.port)
    buffer = bytearray(1 << 20)
    client.ask("CWD small")

    def fetch_all() -> None:
        client.fetch("LIST", buffer)
        for number in range(options.files):
            if client.fetch(f"RETR {number:04}", buffer) != _SMALL_SIZE:
                raise server.failure("sent a file of another size")

    def load() -> int:
        for _ in range(options.times):
            fetch_all()
        return int(options.times * options.files)

    fetch_all()
    result = _measured(server, load)
    client.close()
    return result


def _load_idle(server: RunningServer, options: argparse.Namespace) -> Result:
    clients = [Client(server.port)]

    def load() -> int:
        clients.extend(Client(server.port) for _ in range(options.sessions))
        time.sleep(_SETTLING)
        return int(options.sessions)

    result = _measured(server, load)
    for client in clients:
        client.close()
    return result


# -- output ----------------------------------------------------------------------------------------

Results = dict[str, list[Result]]


def _report_large(
    results: Results, floor: list[Result] | None, options: argparse.Namespace
) -> bool:
    """``floor``: of the loop around ``sendfile``."""
    _print_cpu(
        f"A file of {options.megabytes} MiB, {options.downloads} times, medians of"
        f" {options.rounds}",
        "MiB/s",
        "us of CPU/MiB",
        results if floor is None else {**results, _FLOOR: floor},
    )
    met = True
    if "vsftpd" in results:
        x = ratio_of_medians(results["reactor"], results["vsftpd"], _rate)
        met &= goal(f"throughput at least 0.95 of vsftpd's: {x:.2f}", x >= 0.95)
    if "pyftpdlib" in results:
        x = ratio_of_medians(results["reactor"], results["pyftpdlib"], _cpu)
        met &= goal(f"CPU at most 0.5 x pyftpdlib's: {x:.2f}", x <= 0.5)
        if floor is not None:
            least = ratio_of_medians(floor, results["pyftpdlib"], _cpu)
            print(f"          {_FLOOR}: {least:.2f} x pyftpdlib's")
    print()
    return met


def _report_small(results: Results, options: argparse.Namespace) -> bool:
    _print_cpu(
        f"{options.files} files of {_SMALL_SIZE} bytes, listed and fetched {options.times} times,"
        f" medians of {options.rounds}",
        "files/s",
        "us of CPU/file",
        results,
    )
    met = True
    if "pyftpdlib" in results:
        x = ratio_of_medians(results["reactor"], results["pyftpdlib"], _cpu)
        met = goal(f"CPU at most 0.8 x pyftpdlib's: {x:.2f}", x <= 0.8)
    print()
    return met


def _print_cpu(title: str, rate: str, cpu: str, results: Results) -> None:
    """``rate``, ``cpu``: the heads of columns: units per second, and what one costs."""
    print_table(
        title,
        ["", rate, cpu, "user", "system"],
        [
            [name, *(f"{median(rounds, value):.0f}" for value in (_rate, _cpu, _user, _system))]
            for name, rounds in results.items()
        ],
        chart=cpu,
    )


def _report_idle(results: Results, options: argparse.Namespace) -> bool:
    print_table(
        f"{options.sessions} idle sessions, medians of {options.rounds}",
        ["", "KiB/session", "us of CPU/login"],
        [
            [name, f"{median(rounds, _kib):.2f}", f"{median(rounds, _cpu):.0f}"]
            for name, rounds in results.items()
        ],
    )
    ours = median(results["reactor"], _kib)
    met = goal(f"at most 6 KiB for an idle session: {ours:.2f}", ours <= 6)
    print()
    return met


def _rate(result: Result) -> float:
    return result.rate


def _cpu(result: Result) -> float:
    return result.microseconds


def _user(result: Result) -> float:
    return result.user / result.count * 1e6


def _system(result: Result) -> float:
    return result.system / result.count * 1e6


def _kib(result: Result) -> float:
    return (result.resident_after - result.resident_before) / result.count
