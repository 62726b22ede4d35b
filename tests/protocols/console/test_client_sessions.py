"""The client on a pseudo-terminal and in a pipe: what the user sees, what the shell gets back."""

import fcntl
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time

import pyte
import pytest

from ...tools.sockets import unused_address
from ...tools.waiting import TIMEOUT

COLUMNS, ROWS = 60, 12


class TerminalUser:
    """A user at a terminal in which ``python -m reactor ...`` runs."""

    def __init__(self, *arguments):
        self._terminal, self._tty = os.openpty()
        self.resize(COLUMNS)
        self.modes = termios.tcgetattr(self._tty)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "reactor", *arguments],
            stdin=self._tty,
            stdout=self._tty,
            stderr=self._tty,
            env={**os.environ, "TERM": "xterm"},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
        )
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen)

    def resize(self, columns):
        fcntl.ioctl(self._tty, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))

    def type(self, keys):
        os.write(self._terminal, keys)

    def rows(self):
        return [row.rstrip() for row in self._screen.display if row.strip()]

    def see(self, wanted):
        """Watch the screen until ``wanted(rows)`` is true, or a row ends with ``wanted``."""
        if isinstance(wanted, str):
            text = wanted
            wanted = lambda rows: any(row.endswith(text) for row in rows)  # noqa: E731
        deadline = time.monotonic() + TIMEOUT
        while not wanted(self.rows()):
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self._terminal], [], [], max(left, 0))
            assert ready, f"not seen; the screen shows {self.rows()}"
            self._stream.feed(os.read(self._terminal, 65536))
        return self.rows()

    def wait(self):
        status = self.process.wait(TIMEOUT)
        assert termios.tcgetattr(self._tty) == self.modes
        assert os.get_blocking(self._tty)
        return status

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self._terminal)
        os.close(self._tty)


@pytest.fixture
def user():
    users = []

    def start(*arguments):
        users.append(TerminalUser(*arguments))
        return users[-1]

    yield start
    for one in users:
        one.close()


@pytest.fixture
def chat(serve):
    return serve("--protocol", "chat", "--port", "0", "--no-udp")


def test_incoming_lines_do_not_disturb_the_line_being_typed(chat, user):
    address = f"127.0.0.1:{chat.ports['tcp']}"
    one = user("--protocol", "chat", "--connect", address)
    one.see("1 in lobby: guest1")
    one.type(b"half a sent")
    one.see("> half a sent")
    other = user("--protocol", "chat", "--connect", address)
    other.see("guest2")
    other.type(b"interrupting\r")

    rows = one.see(lambda rows: rows[-1:] == ["> half a sent"] and "interrupting" in rows[-2])
    assert rows[-2].endswith("guest2: interrupting")

    one.type(b"ence\r")
    other.see("guest1: half a sentence")
    one.see("guest1: half a sentence")


@pytest.mark.parametrize(
    ("keys", "status"), [(b"/quit\r", 0), (b"\x04", 0), (b"\x03", 0)], ids=["quit", "^D", "^C"]
)
def test_the_terminal_is_restored_however_the_client_ends(chat, user, keys, status):
    one = user("--protocol", "chat", "--connect", f"127.0.0.1:{chat.ports['tcp']}")
    one.see("1 in lobby: guest1")
    one.type(keys)

    assert one.wait() == status


def test_sigterm_ends_the_client_with_status_0(chat, user):
    one = user("--protocol", "chat", "--connect", f"127.0.0.1:{chat.ports['tcp']}")
    one.see("1 in lobby: guest1")
    os.kill(one.process.pid, signal.SIGTERM)

    assert one.wait() == 0


# A client that hangs after the user's first line.
STUCK = """
import os

from protocols.console.lineclient import LineClient
from reactor.command import Application

class Client(LineClient):
    def typed(self, line):
        os.write(1, b"\\r\\nstuck")  # at once: the console would write after this callback
        while True:
            pass

class Stuck(Application):
    def connect(self, reactor, options):
        return Client(reactor, options.connect).run()
"""


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_a_client_that_hangs_and_restores_the_terminal(
    chat, user, tmp_path, monkeypatch, first
):
    (tmp_path / "stuck.py").write_text(STUCK)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    one = user("--protocol", "stuck:Stuck", "--connect", f"127.0.0.1:{chat.ports['tcp']}")
    one.see("1 in lobby: guest1")
    one.type(b"something\r")
    one.see("stuck")
    # Two different signals: the system may merge two equal ones.
    for signum in (first, signal.SIGINT if first == signal.SIGTERM else signal.SIGTERM):
        os.kill(one.process.pid, signum)

    assert one.wait() == 130


def test_the_loss_of_the_server_is_an_error_message_and_status_1(serve, user):
    server = serve("--protocol", "chat", "--port", "0", "--no-udp")
    one = user("--protocol", "chat", "--connect", f"127.0.0.1:{server.ports['tcp']}")
    one.see("1 in lobby: guest1")
    server.stop()

    one.see(lambda rows: any(row.startswith("reactor: the connection") for row in rows))
    assert one.wait() == 1


def test_with_reconnect_it_waits_for_the_server(serve, user):
    port = unused_address()[1]
    server = serve("--protocol", "chat", "--port", str(port), "--no-udp")
    one = user("--protocol", "chat", "--connect", f"127.0.0.1:{port}", "--reconnect")
    one.see("1 in lobby: guest1")
    server.stop()
    one.see(lambda rows: any("trying again" in row for row in rows))
    serve("--protocol", "chat", "--port", str(port), "--no-udp")

    one.see("*** connected again")
    one.type(b"there you are\r")
    one.see("guest1: there you are")


def test_over_udp_a_client_that_was_stopped_gets_its_name_back(serve, user):
    server = serve(
        "--protocol", "chat", "--port", "0", "--udp-port", "0", "--heartbeat-timeout", "3"
    )
    options = ("--protocol", "chat", "--heartbeat-interval", "0.5", "--connect")
    one = user(*options, f"127.0.0.1:{server.ports['udp']}", "--udp")
    one.see("1 in lobby: guest1")
    one.type(b"/nick ada\r")
    one.see("guest1 is now ada")
    other = user(*options, f"127.0.0.1:{server.ports['tcp']}")
    other.see("2 in lobby: ada, guest2")

    one.process.send_signal(signal.SIGSTOP)
    other.see("*** ada left the chat: timed out")
    one.process.send_signal(signal.SIGCONT)
    # It was a guest meanwhile, or the server has remembered the name of its address.
    back = re.compile(r"\*\*\* guest\d+ is now ada|\*\*\* ada joined lobby")
    other.see(lambda rows: any(back.fullmatch(row) for row in rows))
    one.type(b"here again\r")

    other.see("ada: here again")


def test_over_udp_the_server_may_be_restarted_between_two_heartbeats(serve, user):
    port = str(unused_address(socket.SOCK_DGRAM)[1])
    chat = ("--protocol", "chat", "--port", "0", "--udp-port", port)
    server = serve(*chat)
    one = user(
        *("--protocol", "chat", "--udp", "--connect", f"127.0.0.1:{port}"),
        *("--heartbeat-interval", "3600"),
    )
    one.see("1 in lobby: guest1")
    one.type(b"/nick ada\r")
    one.see("guest1 is now ada")
    one.type(b"/join cellar\r")
    one.see("1 in cellar: ada")
    server.process.kill()
    server.process.communicate()
    serve(*chat)
    one.type(b"anybody here?\r")

    one.see(lambda rows: sum(row == "*** You are ada in cellar" for row in rows) == 2)
    one.type(b"now as ada\r")
    one.see("ada: now as ada")


def test_an_interrupted_pipe_says_how_many_lines_were_not_sent(chat):
    client = subprocess.Popen(
        [
            *(sys.executable, "-m", "reactor", "--protocol", "chat"),
            *("--connect", f"127.0.0.1:{chat.ports['tcp']}"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    client.stdin.write("".join(f"line {number}\n" for number in range(500)))
    client.stdin.close()
    client.stdin = None  # for communicate()
    while "guest1: line 3" not in client.stdout.readline():
        pass
    client.send_signal(signal.SIGINT)
    _, errors = client.communicate(timeout=TIMEOUT)

    said = re.fullmatch(
        r"reactor: (\d+) lines were not sent, (\d+) lines? w\w+ not confirmed by the server\n",
        errors,
    )
    assert 400 < int(said[1]) + int(said[2]) <= 496
    assert client.returncode == 1


def test_the_terminal_can_be_resized_and_cleared(chat, user):
    one = user("--protocol", "chat", "--connect", f"127.0.0.1:{chat.ports['tcp']}")
    one.see("1 in lobby: guest1")
    one.type(b"x" * 30)
    one.see("> " + "x" * 30)
    one.resize(20)
    os.kill(one.process.pid, signal.SIGWINCH)
    one.see(lambda rows: rows[-1].startswith("> <"))
    one.type(b"\x0c")
    one.see(lambda rows: len(rows) == 1)


def test_the_user_is_told_that_a_line_is_too_long(chat, user):
    one = user("--protocol", "chat", "--connect", f"127.0.0.1:{chat.ports['tcp']}")
    one.see("1 in lobby: guest1")
    # No command either: the answer is short, where an echo of the line would fill the screen.
    one.type(b"\x1b[200~/" + b"y" * 2999)
    one.type(b"y" * 1200 + b"\x1b[201~\r")

    one.see("*** too long: 104 characters were left out")


def test_a_terminal_that_goes_away_ends_the_client(chat, user):
    one = user("--protocol", "chat", "--connect", f"127.0.0.1:{chat.ports['tcp']}")
    one.see("1 in lobby: guest1")
    os.kill(one.process.pid, signal.SIGHUP)

    assert one.wait() == -signal.SIGHUP


def test_a_reader_that_stops_early_ends_the_client_without_a_message(serve):
    server = serve("--protocol", "echo", "--port", "0", "--no-udp")
    command = [sys.executable, "-m", "reactor", "--protocol", "echo"]
    client = subprocess.Popen(
        [*command, "--connect", f"127.0.0.1:{server.port}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    client.stdin.write(b"one\n")
    client.stdin.flush()
    assert client.stdout.readline() == b"one\n"
    client.stdout.close()
    client.stdin.write(b"two\n")
    client.stdin.flush()

    assert client.stderr.read() == b""
    assert client.wait(TIMEOUT) == 0
    client.stdin.close()
    client.stderr.close()


def test_a_slow_reader_loses_nothing(serve):
    server = serve("--protocol", "echo", "--port", "0", "--no-udp")
    command = [sys.executable, "-m", "reactor", "--protocol", "echo"]
    lines = b"".join(b"%d\n" % number for number in range(300_000))
    with open("/dev/null", "wb") as nowhere:
        client = subprocess.Popen(
            [*command, "--connect", f"127.0.0.1:{server.port}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=nowhere,
        )
    heard, _ = client.communicate(lines, timeout=TIMEOUT)

    assert heard == lines
    assert client.returncode == 0


def test_a_line_in_a_pipe_that_is_too_long_is_reported_and_counted(serve, run_reactor):
    server = serve("--protocol", "echo", "--port", "0", "--no-udp")
    address = f"127.0.0.1:{server.port}"
    result = run_reactor("--protocol", "echo", "--connect", address, input="z" * 70_000 + "\nok\n")

    assert result.stdout == "ok\n"
    assert result.stderr == (
        "reactor: a line of over 65536 bytes was left out\nreactor: 1 line was not sent\n"
    )
    assert result.returncode == 1
