"""Several processes on one port, and their master, with real signals."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import select
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from protocols.http.limits import LAST_HEAD
from reactor.command import backoff
from reactor.command.application import CommandError
from reactor.command.master import Master

from ...tools.waiting import TIMEOUT, wait_until

# Says which worker it is; dies at its start while a file "bad" is there.
APP = """
import atexit, os, pathlib, signal, time

atexit.register(lambda: pathlib.Path(f"left-{os.getpid()}").touch())
if pathlib.Path("bad").exists():
    os._exit(3)
pathlib.Path("started").open("a").write(f"{os.getpid()}\\n")

def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/slow":
        pathlib.Path("entered").touch()
        while not pathlib.Path("go").exists():
            time.sleep(0.005)
    if path == "/hang":
        pathlib.Path("entered").touch()
        while True:
            signal.sigwait([signal.SIGWINCH])
    if path == "/loop":
        pathlib.Path("entered").write_text(f"{os.getpid()}")
        while True:
            pass
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()} {environ['wsgi.multiprocess']}".encode()]
"""


class Site:
    """A server with workers, in its own folder."""

    def __init__(self, serve, folder: Path, *arguments: str, number: int = 2) -> None:
        self.folder = folder
        self.number = number
        (folder / "served.py").write_text(APP)
        self.command = serve(
            "--protocol", "http", "--port", "0", "--app", "served:app", "--workers", str(number),
            *arguments, cwd=folder,
        )  # fmt: skip
        self.pid = self.command.process.pid
        self.port = int(re.search(r":(\d+)/$", self.command.printed[0])[1])

    @property
    def workers(self) -> set[int]:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return {int(pid) for pid in children.split()}

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)

    def ask(self, path: str = "/") -> int:
        connection = self.connect()
        with contextlib.closing(connection):
            connection.request("GET", path)
            pid, multiprocess = connection.getresponse().read().split()
            assert multiprocess == str(self.number > 1).encode()
            return int(pid)

    def begin(self, path: str) -> http.client.HTTPConnection:
        connection = self.connect()
        connection.request("GET", path)
        wait_until((self.folder / "entered").exists)
        return connection

    def refuses(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), TIMEOUT).close()
        except ConnectionRefusedError:
            return True
        except ConnectionResetError:  # it stopped listening while we were in its queue
            return False
        return False


def ignores(pid: int, signum: int) -> bool:
    ignored = re.search(r"SigIgn:\t(\w+)", Path(f"/proc/{pid}/status").read_text())[1]
    return bool(int(ignored, 16) >> (signum - 1) & 1)


def is_gone(pid: int) -> bool:
    """Ended, though its status may not have been collected yet."""
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.fixture
def site(serve, tmp_path) -> Iterator[Site]:
    found = Site(serve, tmp_path)
    yield found
    if found.command.process.poll() is None:
        found.command.stop()


def test_the_port_is_announced_once_when_all_serve(site):
    assert site.command.printed == [
        f"http: http://127.0.0.1:{site.port}/", "Press Ctrl+C to stop"
    ]  # fmt: skip
    started = (site.folder / "started").read_text().split()
    assert {int(pid) for pid in started} == site.workers
    assert len(site.workers) == 2


def test_all_of_them_serve_the_port(site):
    held = [site.connect() for _ in range(2)]
    seen = set()

    def both():
        # Either worker may accept a connection: ask until both have answered.
        seen.add(site.ask())
        return seen == site.workers

    wait_until(both)
    for connection in held:
        connection.close()


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_one_signal_stops_all(site, signum):
    workers = site.workers
    assert site.command.stop(signum) == (0, "")
    assert all(map(is_gone, workers))


def test_a_signal_to_the_whole_group_is_one_signal(serve, tmp_path):
    """As Ctrl+C in a terminal, and systemd's way of stopping."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        (tmp_path / "entered").unlink(missing_ok=True)
        (tmp_path / "go").unlink(missing_ok=True)
        site = Site(
            lambda *arguments, **popen: serve(*arguments, start_new_session=True, **popen), tmp_path
        )
        connection = site.begin("/slow")
        os.killpg(site.pid, signum)
        wait_until(site.refuses)
        (tmp_path / "go").touch()
        assert connection.getresponse().status == 200
        connection.close()
        assert site.command.stop(0) == (0, "")


def test_an_interrupted_worker_continues(site):
    workers = site.workers
    for pid in workers:
        os.kill(pid, signal.SIGINT)
    assert {site.ask() for _ in range(4)} <= workers
    assert site.workers == workers
    assert site.command.stop() == (0, "")


def test_a_stop_finishes_requests_and_refuses_new_connections(site):
    connection = site.begin("/slow")
    site.command.process.send_signal(signal.SIGTERM)
    wait_until(site.refuses)
    (site.folder / "go").touch()
    response = connection.getresponse()
    assert (response.status, response.getheader("Connection")) == (200, "close")
    connection.close()
    site.command.process.communicate(timeout=TIMEOUT)
    assert site.command.stop() == (0, "")


def test_a_second_signal_ends_at_once(serve, tmp_path):
    site = Site(serve, tmp_path, "--grace", "1000")
    workers = site.workers
    connection = site.begin("/slow")
    site.command.process.send_signal(signal.SIGTERM)
    wait_until(site.refuses)
    status, errors = site.command.stop(signal.SIGTERM)
    assert status == 130
    assert "second signal" in errors
    assert all(map(is_gone, workers))
    # They ran their exit functions: they were not killed.
    assert {path.name for path in tmp_path.glob("left-*")} == {f"left-{pid}" for pid in workers}
    connection.close()


def test_a_worker_that_does_not_react_is_killed_after_the_grace(serve, tmp_path):
    site = Site(serve, tmp_path, "--grace", "0", "--threads", "0")
    workers = site.workers
    connection = site.begin("/hang")
    assert site.command.stop()[0] == 0
    assert all(map(is_gone, workers))
    connection.close()


def test_a_worker_that_does_not_react_is_killed_after_the_second_signal(serve, tmp_path):
    site = Site(serve, tmp_path, "--grace", "1000", "--threads", "0")
    workers = site.workers
    connection = site.begin("/hang")
    site.command.process.send_signal(signal.SIGINT)
    wait_until(lambda: len(site.workers) == 1)  # the other one has ended normally
    assert site.command.stop(signal.SIGINT)[0] == 130
    assert all(map(is_gone, workers))
    connection.close()


def test_a_worker_in_an_endless_loop_ends_after_two_signals_to_itself(serve, tmp_path):
    site = Site(serve, tmp_path, "--threads", "0")
    connection = site.begin("/loop")
    stuck = int(wait_until((tmp_path / "entered").read_text))

    def end() -> bool:
        with contextlib.suppress(ProcessLookupError):
            os.kill(stuck, signal.SIGTERM)  # more than two: the system may merge two into one
        return stuck not in site.workers

    wait_until(end)
    wait_until(lambda: len(site.workers) == 2)
    status, errors = site.command.stop()
    assert status == 0
    assert f"reactor: worker {stuck} ended at once by a second signal, SIGTERM, at " in errors
    assert f"worker {stuck} ended with status 130; another takes its place" in errors
    connection.close()


def test_an_ignored_interrupt_stays_ignored(serve, tmp_path):
    def ignore() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    site = Site(lambda *arguments, **popen: serve(*arguments, preexec_fn=ignore, **popen), tmp_path)
    for pid in (site.pid, *site.workers):
        assert ignores(pid, signal.SIGINT)
    assert site.command.stop(signal.SIGTERM) == (0, "")


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_that_dies_is_replaced(site, signum):
    before = site.workers
    lost = min(before)
    os.kill(lost, signum)
    wait_until(lambda: lost not in site.workers and len(site.workers) == 2)
    [new] = site.workers - before
    wait_until(lambda: site.ask() == new)
    status, errors = site.command.stop()
    assert status == 0
    how = "was killed by SIGKILL" if signum == signal.SIGKILL else "ended with status 0"
    assert f"worker {lost} {how}; another takes its place" in errors
    assert errors.count("\n") == 1


def test_the_master_gives_up_when_workers_keep_dying_at_their_start(site):
    (site.folder / "bad").touch()
    os.kill(min(site.workers), signal.SIGKILL)
    assert site.command.process.wait(TIMEOUT) == 1
    _, errors = site.command.stop()
    assert errors.endswith("\nreactor: 6 workers in a row ended with status 3 before they served\n")


@pytest.mark.parametrize("number", [2, 3])
def test_an_error_of_the_application_is_reported_once(run_reactor, tmp_path, number):
    (tmp_path / "broken.py").write_text("import no_such_module_anywhere\n")
    arguments = ("--protocol", "http", "--port", "0", "--workers", str(number), "--app")
    result = run_reactor(*arguments, "broken:app", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr.count("Traceback") == 1
    assert "No module named 'no_such_module_anywhere'" in result.stderr
    result = run_reactor(*arguments, "missing:app", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (
        2, "reactor: --app missing:app: there is no module 'missing'\n"
    )  # fmt: skip


def test_a_first_worker_that_is_killed_before_it_serves_is_one_line(run_reactor, tmp_path):
    (tmp_path / "dying.py").write_text("import os; os.kill(os.getpid(), 9)\n")
    result = run_reactor(
        "--protocol", "http", "--port", "0", "--workers", "2", "--app", "dying:app", cwd=tmp_path
    )
    assert (result.returncode, result.stderr) == (
        1, "reactor: a worker was killed by SIGKILL before it served\n"
    )  # fmt: skip


def test_a_port_in_use_is_one_line(run_reactor):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = run_reactor("--protocol", "http", "--port", port, "--workers", "2")
    assert (result.returncode, result.stderr) == (
        1,
        f"reactor: cannot listen on tcp://127.0.0.1:{port}: Address already in use"
        " (--port N takes another one)\n",
    )  # fmt: skip


def test_workers_stop_when_the_master_is_killed(site):
    workers = site.workers
    connection = site.begin("/slow")
    site.command.process.kill()
    wait_until(site.refuses)  # also the one that is busy has stopped listening
    (site.folder / "go").touch()
    assert connection.getresponse().status == 200  # gracefully
    connection.close()
    wait_until(lambda: all(map(is_gone, workers)))
    site.command.process.communicate(timeout=TIMEOUT)


def test_all_workers_write_the_log_and_reopen_it(serve, tmp_path):
    log = tmp_path / "access.log"
    site = Site(serve, tmp_path, "--access-log", str(log))
    seen = set()
    for _ in range(20):
        seen.add(site.ask("/before"))
    wait_until(lambda: log.read_text().count("/before") == 20)
    log.rename(tmp_path / "old.log")
    site.command.process.send_signal(signal.SIGUSR1)
    wait_until(log.exists)

    def opened_by_all():
        return all(
            any(os.path.realpath(f) == str(log) for f in Path(f"/proc/{pid}/fd").iterdir())
            for pid in site.workers
        )

    wait_until(opened_by_all)
    for _ in range(20):
        site.ask("/after")
    assert site.command.stop() == (0, "")
    assert log.read_text().count("/after") == 20
    assert "/after" not in (tmp_path / "old.log").read_text()


def test_a_unix_socket_is_removed_at_the_end(serve, tmp_path):
    server = serve("--protocol", "http", "--unix", "s", "--workers", "2", cwd=tmp_path)
    assert server.printed[0] == "http: unix:s"
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "s"))
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert client.recv(15) == b"HTTP/1.1 200 OK"
    assert server.stop() == (0, "")
    assert not (tmp_path / "s").exists()


# -- reloading -------------------------------------------------------------------------------------


def test_a_hangup_starts_new_workers_and_old_ones_finish(site):
    old = site.workers
    slow = site.begin("/slow")
    (site.folder / "served.py").write_text(APP.replace("{os.getpid()} ", "{-os.getpid()} "))
    site.command.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len(site.workers - old) == 2 and len(site.workers & old) == 1)
    assert all(-site.ask() in site.workers - old for _ in range(4))  # the new code
    (site.folder / "go").touch()
    assert int(slow.getresponse().read().split()[0]) in old
    slow.close()
    wait_until(lambda: not site.workers & old)
    assert site.command.stop() == (0, "")


def test_a_hangup_of_a_closed_terminal_stops_the_master():
    terminal, slave = os.openpty()
    command = [sys.executable, "-m", "reactor", "--protocol", "http", "--port", "0"]
    with subprocess.Popen(
        [*command, "--workers", "1"], stdin=slave, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        try:
            os.close(slave)
            assert process.stdout.readline().startswith(b"http: ")
            os.close(terminal)
            process.send_signal(signal.SIGHUP)
            assert process.wait(TIMEOUT) == 0
        finally:
            process.kill()


def test_a_single_worker_can_be_reloaded(serve, tmp_path):
    site = Site(serve, tmp_path, number=1)
    [old] = site.workers
    site.command.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len(site.workers) == 1 and old not in site.workers)
    assert site.ask() != old
    assert site.command.stop() == (0, "")


@pytest.mark.parametrize("tls", [False, True])
def test_a_reload_loses_no_request_of_new_connections(serve, tmp_path, certificate, tls):
    arguments = ("--tls-cert", certificate.chain, "--tls-key", certificate.key) if tls else ()
    site = Site(serve, tmp_path, *arguments)
    context = ssl.create_default_context(cafile=certificate.ca)
    lost: list[Exception] = []
    answered: list[bool] = []
    over = threading.Event()

    def keep_asking():
        while not over.is_set():
            connection = site.connect()
            began = time.monotonic()
            try:
                connection.connect()
                over.wait(0.02)  # as over a network
                if tls:
                    connection.sock = context.wrap_socket(
                        connection.sock, server_hostname="127.0.0.1"
                    )
                    over.wait(0.02)
                connection.request("GET", "/")
                assert connection.getresponse().status == 200
                answered.append(True)
            except Exception as exc:
                # On a busy machine this client itself may be slower than a stopping server allows.
                if time.monotonic() - began < LAST_HEAD:
                    lost.append(exc)
            finally:
                connection.close()

    clients = [threading.Thread(target=keep_asking) for _ in range(6)]
    for client in clients:
        client.start()
    try:
        for _ in range(3):
            old = site.workers
            site.command.process.send_signal(signal.SIGHUP)
            wait_until(lambda old=old: len(site.workers) == 2 and not site.workers & old)
    finally:
        over.set()
        for client in clients:
            client.join()
    assert lost == []
    assert answered
    assert site.command.stop() == (0, "")


def test_a_reload_that_fails_keeps_the_old_workers(site):
    old = site.workers
    (site.folder / "served.py").write_text("raise SystemExit(3)  # a new application\n")
    site.command.process.send_signal(signal.SIGHUP)
    ready, _, _ = select.select([site.command.process.stderr], [], [], TIMEOUT)
    assert ready
    assert "reload failed, the old workers continue: a new one ended with status 3" in (
        site.command.process.stderr.readline()
    )
    assert site.ask() in old
    wait_until(lambda: site.workers == old)
    (site.folder / "served.py").write_text(APP)
    site.command.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len(site.workers) == 2 and not site.workers & old)
    assert site.ask() in site.workers
    assert site.command.stop() == (0, "")


def test_a_stop_does_not_wait_the_grace_for_a_worker_that_never_served(serve, tmp_path):
    site = Site(serve, tmp_path, "--grace", str(10 * TIMEOUT))
    old = site.workers
    (tmp_path / "served.py").write_text(
        "import pathlib, signal\n"
        "pathlib.Path('entered').touch()\n"
        "signal.sigwait([signal.SIGWINCH])\n"
    )
    site.command.process.send_signal(signal.SIGHUP)
    wait_until((tmp_path / "entered").exists)
    assert site.ask() in old
    assert site.command.stop() == (0, "")


def test_a_reload_reads_the_certificate_again(serve, tmp_path, certificate):
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(Path(certificate.chain).read_bytes())
    key.write_bytes(Path(certificate.key).read_bytes())
    server = serve(
        "--protocol", "http", "--port", "0", "--workers", "2",
        "--tls-cert", str(chain), "--tls-key", str(key), cwd=tmp_path,
    )  # fmt: skip
    address = ("127.0.0.1", int(re.search(r":(\d+)/$", server.printed[0])[1]))
    first = ssl.get_server_certificate(address)
    chain.write_text("no certificate")
    server.process.send_signal(signal.SIGHUP)
    line = server.process.stderr.readline()
    assert "reload failed, nothing has changed: cannot use the certificate" in line
    issued = trustme.CA().issue_cert("127.0.0.1")
    key.write_bytes(issued.private_key_pem.bytes())
    chain.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    server.process.send_signal(signal.SIGHUP)

    wait_until(lambda: ssl.get_server_certificate(address) != first)
    assert server.stop() == (0, "")


def test_the_delays_between_replacements_grow_to_a_bound(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(backoff.time, "monotonic", lambda: now[0])
    delays = backoff.Backoff()

    def delay_after(lived: float) -> float:
        started = now[0]
        now[0] += lived
        delays.worker_died(started=started, served=True)
        return round(delays.start_at - now[0], 3)

    assert [delay_after(1) for _ in range(10)] == [0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10]
    assert [delay_after(6), delay_after(1)] == [0, 0.1]  # one that lived long does not count
    delays.clear()
    assert delays.start_at <= now[0]


def test_workers_are_hopeless_when_six_in_a_row_never_served():
    delays = backoff.Backoff()

    def die(number: int, served: bool = False) -> None:
        for _ in range(number):
            assert not delays.is_hopeless()
            delays.worker_died(started=time.monotonic(), served=served)

    die(5)
    die(1, served=True)
    die(5)
    delays.worker_serves()
    die(6)
    assert delays.is_hopeless()


def test_a_system_that_cannot_fork_the_first_worker_is_one_line(monkeypatch):
    def fork():
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", fork)
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP, signal.SIGCHLD)
    handlers = [signal.getsignal(number) for number in numbers]
    with pytest.raises(CommandError, match="cannot start a worker: Resource temporarily"):
        Master(lambda *_: 0, 2, announce=print).run()
    assert [signal.getsignal(number) for number in numbers] == handlers


# Every second call of fork() fails.
FORKS_THAT_FAIL = """
import os, signal
from reactor.command.master import Master

def fork():
    forks.append(1)
    if len(forks) % 2 == 0:
        raise BlockingIOError(11, "Resource temporarily unavailable")
    return real()

def serve(ready, channel):
    ready([])
    channel.recv(1)
    return 0

def announce(lines):
    print(len(forks), flush=True)
    os.kill(os.getpid(), signal.SIGTERM)

forks, real = [], os.fork
os.fork = fork
raise SystemExit(Master(serve, 3, announce=announce).run())
"""


def test_a_fork_that_fails_is_tried_again():
    result = subprocess.run(
        [sys.executable, "-c", FORKS_THAT_FAIL], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout) == (0, "5\n")
    failure = "cannot start a worker: Resource temporarily unavailable\n"
    assert result.stderr == 2 * failure
