"""The way in for IRC as people use it: a real server, real sockets, and its options."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from protocols.passwords import PasswordHash

from ....tools.certificates import Certificate
from ....tools.commands import Command, one_line
from ....tools.waiting import TIMEOUT

CHAT = ("--protocol", "chat", "--port", "0", "--no-udp", "--no-web", "--irc-port", "0")


class Client:
    """A client on a real connection."""

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(TIMEOUT)
        self.sock = sock
        self.file = sock.makefile("r", encoding="utf-8", newline="\r\n")

    def send(self, *lines: str) -> None:
        self.sock.sendall("".join([line + "\r\n" for line in lines]).encode())

    def wait_for(self, part: str) -> str:
        for line in self.file:
            if part in line:
                return line.rstrip("\r\n")
        raise AssertionError(f"no line with {part!r}")

    def close(self) -> None:
        self.file.close()
        self.sock.close()


def connect(port: int) -> Client:
    return Client(socket.create_connection(("127.0.0.1", port), TIMEOUT))


def test_irc_and_lines_meet_in_the_lobby(serve: Callable[..., Command]) -> None:
    server = serve(*CHAT, "--irc-name", "My.Little.Server")
    assert f"chat: irc://127.0.0.1:{server.ports['irc']}" in server.printed
    alice, typist = connect(server.ports["irc"]), connect(server.ports["tcp"])
    typist.send("/ping")  # who has sent something is announced
    typist.wait_for("pong")
    alice.send("NICK alice", "USER alice 0 * :Alice", "JOIN #lobby")
    assert alice.wait_for(" 001 ").startswith(":My.Little.Server 001 alice :Welcome")
    assert alice.wait_for(" 353 ").endswith("= #lobby :guest1 alice")
    typist.wait_for("alice joined lobby")
    typist.send("good morning")
    line = alice.wait_for("PRIVMSG")
    assert line == ":guest1!guest1@local PRIVMSG #lobby :good morning"
    alice.send("PRIVMSG #lobby :\x02hello")
    assert typist.wait_for("hello").endswith("] alice: hello")
    alice.send("QUIT :bye")
    assert alice.wait_for("ERROR") == "ERROR :Closing Link: alice (Quit: bye)"
    assert alice.file.read() == ""
    typist.wait_for("alice left the chat: bye")
    alice.close()
    typist.close()


def test_irc_over_tls(serve: Callable[..., Command], certificate: Certificate) -> None:
    server = serve(*CHAT, "--tls-cert", certificate.chain, "--tls-key", certificate.key)
    context = ssl.create_default_context(cafile=certificate.ca)
    raw = socket.create_connection(("127.0.0.1", server.ports["ircs"]), TIMEOUT)
    alice = Client(context.wrap_socket(raw, server_hostname="localhost"))
    alice.send("NICK alice", "USER alice 0 * :Alice", "WHOIS alice")
    assert alice.wait_for(" 671 ").endswith(":is using a secure connection")
    alice.close()
    plain = connect(server.ports["ircs"])
    plain.send("NICK bob")
    assert plain.wait_for("TLS") == "ERROR :This port uses TLS: connect with TLS"
    plain.close()


def test_all_are_told_that_the_server_stops(serve: Callable[..., Command]) -> None:
    server = serve(*CHAT)
    alice = connect(server.ports["irc"])
    alice.send("NICK alice", "USER alice 0 * :Alice")
    alice.wait_for(" 422 ")
    assert server.stop() == (0, "")
    assert alice.wait_for("ERROR") == "ERROR :Closing Link: alice (The server is stopping)"
    alice.close()


def test_a_message_of_the_day_from_a_file(serve: Callable[..., Command], tmp_path: Path) -> None:
    (tmp_path / "motd").write_text("Welcome\nto the tea room\n")
    server = serve(*CHAT, "--irc-motd", str(tmp_path / "motd"))
    alice = connect(server.ports["irc"])
    alice.send("NICK alice", "USER alice 0 * :Alice")
    assert alice.wait_for(" 372 ").endswith(":- Welcome")
    assert alice.wait_for(" 372 ").endswith(":- to the tea room")
    alice.close()


def test_operators_from_a_file(serve: Callable[..., Command], tmp_path: Path) -> None:
    (tmp_path / "operators").write_text(f"boss {PasswordHash.of('tea')}\n")
    server = serve(*CHAT, "--irc-operators", str(tmp_path / "operators"), "--irc-admin", "root")
    alice = connect(server.ports["irc"])
    alice.send("NICK alice", "USER alice 0 * :Alice", "OPER boss tea", "ADMIN")
    alice.wait_for(" 381 ")
    assert alice.wait_for(" 259 ").endswith(" root")
    alice.close()


def test_without_irc(serve: Callable[..., Command]) -> None:
    server = serve("--protocol", "chat", "--port", "0", "--no-udp", "--no-web", "--no-irc")
    assert list(server.ports) == ["tcp"]


@pytest.mark.parametrize(
    ("options", "status", "problem"),
    [
        (("--no-irc", "--irc-port", "1"), 2, "--irc-port cannot be combined with --no-irc"),
        (("--no-irc", "--irc-motd", "x"), 2, "--irc-motd cannot be combined with --no-irc"),
        (("--irc-name", "no_dots"), 2, "expected a name such as chat.local, not 'no_dots'"),
        (("--irc-port", "x"), 2, "--irc-port"),
        (("--irc-motd", "/nonexistent"), 1, "cannot read /nonexistent: No such file"),
        (("--no-irc", "--irc-operators", "x"), 2, "--irc-operators cannot be combined with"),
        (("--irc-operators", "/nonexistent"), 1, "cannot read /nonexistent: No such file"),
        (("--irc-operators", __file__), 2, "test_server.py, line 1: must be a name and a hash"),
    ],
)
def test_options_that_cannot_be(
    run_reactor: Callable[..., subprocess.CompletedProcess[str]],
    options: tuple[str, ...],
    status: int,
    problem: str,
) -> None:
    arguments = ("--protocol", "chat", "--port", "0", "--no-udp", "--no-web", *options)
    result = run_reactor(*arguments)
    assert problem in one_line(result.stderr)
    assert result.returncode == status


def test_a_port_that_is_taken(
    run_reactor: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = run_reactor(*CHAT[:-1], str(port))
    assert f"cannot listen on tcp://127.0.0.1:{port}" in one_line(result.stderr)
    assert "(--irc-port N takes another one, --no-irc none)" in result.stderr


def test_a_message_of_the_day_that_is_too_long(
    run_reactor: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    (tmp_path / "motd").write_bytes(bytes(65_537))
    result = run_reactor(*CHAT, "--irc-motd", str(tmp_path / "motd"))
    assert "has more than 65536 bytes" in one_line(result.stderr)
