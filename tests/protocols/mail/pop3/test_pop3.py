"""POP3: dialogues in memory, and real clients."""

from __future__ import annotations

import contextlib
import os
import poplib
import re
import shutil
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest

from protocols.mail import Maildir, MailStore
from protocols.mail.maildir import NewMail, StoredMail
from protocols.mail.pop3 import connection
from protocols.mail.pop3.commands import top_of, unique_id
from protocols.mail.pop3.connection import POP3Connection
from protocols.mail.pop3.settings import POP3Limits, POP3Settings, POP3Shared
from protocols.passwords import PasswordHash, Passwords
from reactor.testing import StreamPeer, VirtualReactor

from ....tools.waiting import TIMEOUT

PASSWORDS = Passwords({"ada": PasswordHash.of("green tea")})
USER = f"ada:{PasswordHash.of('green-tea')}"
CONTENTS = (b"Subject: one\r\n\r\na\r\nb\r\nc\r\n", b".Subject: two\r\n\r\n.\r\n..x\r\n", b"no end")


def fill(folder: Path, contents: tuple[bytes, ...] = CONTENTS) -> Maildir:
    """A Maildir with mails, the first of which was seen."""
    maildir = Maildir(folder)
    mails = [
        NewMail(maildir.new_identity(1_700_000_000 + n), b"", content)
        for n, content in enumerate(contents)
    ]
    first, *_ = maildir.write(mails)
    maildir.mark_seen(first.identity)
    return maildir


class World:
    """A server in memory."""

    def __init__(self, reactor: VirtualReactor, folder: Path, **settings: object) -> None:
        self.reactor = reactor
        self.maildir = fill(folder)
        store = MailStore(reactor, self.maildir, "mx.example.org")
        options = {"passwords": PASSWORDS, "auth_insecure": True, **settings}
        self.shared = POP3Shared(reactor, store, POP3Settings("mx.example.org", **options))

    def connect(self, *lines: str) -> StreamPeer:
        """A connection after the greeting and ``lines``."""
        peer = self.reactor.connect(lambda: POP3Connection(self.shared))
        assert self.ask(peer) == "+OK mx.example.org POP3\r\n"
        for line in lines:
            assert self.ask(peer, line).startswith("+OK"), line
        return peer

    def login(self) -> StreamPeer:
        return self.connect("USER ada", "PASS green tea")

    def ask(self, peer: StreamPeer, *lines: str, chunk: int | None = None) -> str:
        """Send ``lines`` at once; returns what comes back."""
        peer.send("".join(f"{line}\r\n" for line in lines).encode(), chunk)
        self.reactor.settle()
        return peer.read().decode()


@pytest.fixture
def world(reactor, tmp_path):
    return World(reactor, tmp_path / "mail")


def test_capabilities(world):
    lines = world.ask(world.connect(), "CAPA").splitlines()
    assert lines[0].startswith("+OK")
    assert {"TOP", "UIDL", "PIPELINING", "USER", "RESP-CODES"} <= set(lines)
    assert lines[-1] == "."
    assert "STLS" not in lines


def test_sizes_and_names(world):
    peer = world.login()
    assert world.ask(peer, "STAT") == "+OK 3 56\r\n"
    assert world.ask(peer, "LIST").splitlines()[1:] == ["1 25", "2 25", "3 6", "."]
    assert world.ask(peer, "LIST 2") == "+OK 2 25\r\n"
    names = [mail.identity.partition(",")[0] for mail in world.maildir.mails()]
    listed = world.ask(peer, "UIDL").splitlines()[1:-1]
    assert listed == [f"{n} {name}" for n, name in enumerate(names, 1)]
    assert world.ask(peer, "UIDL 1") == f"+OK 1 {names[0]}\r\n"


def test_mails_are_sent_with_dots_added(world):
    peer = world.login()
    assert world.ask(peer, "RETR 1") == f"+OK\r\n{CONTENTS[0].decode()}.\r\n"
    assert world.ask(peer, "RETR 2") == "+OK\r\n..Subject: two\r\n\r\n..\r\n...x\r\n.\r\n"
    assert world.ask(peer, "RETR 3") == "+OK\r\nno end\r\n.\r\n"
    assert world.ask(peer, "TOP 1 2") == "+OK\r\nSubject: one\r\n\r\na\r\nb\r\n.\r\n"
    assert world.ask(peer, "TOP 1 0") == "+OK\r\nSubject: one\r\n\r\n.\r\n"
    assert world.ask(peer, "TOP 3 9") == "+OK\r\nno end\r\n.\r\n"


@pytest.mark.parametrize("empty", [0, 1, 5, 5000])
@pytest.mark.parametrize("lines", [0, 1, 2, 4999, 5000, 5001, 999_999_999])
def test_top_of_many_lines(empty, lines):
    body = [b"\r\n"] * empty + [b"a\r\n", b"bcd\r\n"]
    assert top_of(b"A: b\r\n\r\n" + b"".join(body), lines) == (
        b"A: b\r\n\r\n" + b"".join(body[:lines])
    )
    assert top_of(b"A: b\r\n", lines) == b"A: b\r\n"


def test_mails_are_made_into_replies_in_threads(world, monkeypatch):
    # Finding the lines of a large mail takes a while.
    threads = []

    def render(content, lines):
        threads.append(threading.current_thread())
        return top_of(content, lines)

    monkeypatch.setattr(connection, "top_of", render)
    client = world.login()
    assert world.ask(client, "TOP 1 2").startswith("+OK")
    assert threads[0] is not threading.main_thread()


def test_a_file_whose_name_is_not_utf8_has_a_unique_id():
    assert re.fullmatch("[0-9a-f]{64}", unique_id(StoredMail("b\udcff", 1, 1.0)))


def test_quit_deletes_what_is_marked(world):
    peer = world.login()
    assert world.ask(peer, "DELE 1").startswith("+OK")
    assert world.ask(peer, "DELE 3").startswith("+OK")
    assert world.ask(peer, "STAT") == "+OK 1 25\r\n"
    assert world.ask(peer, "RETR 1").startswith("-ERR")
    assert len(world.maildir.mails()) == 3
    assert world.ask(peer, "QUIT", "NOOP") == "+OK Bye\r\n"
    assert peer.eof_received
    (left,) = world.maildir.mails()
    assert world.maildir.read(left.identity) == CONTENTS[1]


def test_rset_and_a_lost_connection_delete_nothing(world):
    peer = world.login()
    world.ask(peer, "DELE 1")
    world.ask(peer, "RSET")
    assert world.ask(peer, "QUIT") == "+OK Bye\r\n"
    other = world.login()
    world.ask(other, "DELE 1")
    other.close()
    world.reactor.settle()
    assert len(world.maildir.mails()) == 3
    assert world.shared.connections == 0


def test_a_mail_that_another_program_has_deleted(world):
    peer = world.login()
    world.maildir.delete([world.maildir.mails()[0].identity])
    assert world.ask(peer, "RETR 1", "NOOP") == "-ERR This mail is gone\r\n+OK\r\n"


@pytest.mark.parametrize("chunk", [None, 1, 5])
def test_a_pipeline_is_answered_in_order(chunk, world):
    peer = world.connect()
    replies = world.ask(
        peer, "USER ada", "PASS green tea", "RETR 3", "LIST 1", "FROB", "QUIT", chunk=chunk
    )
    assert replies.splitlines() == [
        *("+OK", "+OK 3 mails", "+OK", "no end", ".", "+OK 1 25"),
        *("-ERR Unknown command", "+OK Bye"),
    ]


@pytest.mark.parametrize(
    "line",
    [
        *("LIST 0", "LIST 4", "LIST -1", "LIST x", "LIST 1 2", "RETR", "RETR 99999999999"),
        *("TOP 1", "TOP 1 -1", "DELE", "UIDL 9", "USER ada", "STLS", "APOP a b", "", "x" * 300),
    ],
)
def test_errors(line, world):
    assert world.ask(world.login(), line, "NOOP").split("\r\n")[0].startswith("-ERR")


@pytest.mark.parametrize("line", ["STAT", "LIST", "RETR 1", "DELE 1", "PASS x", "USER", "STLS"])
def test_errors_before_the_login(line, world):
    assert world.ask(world.connect(), line).startswith("-ERR")


def test_passwords_are_checked_and_limited(world):
    peer = world.connect("USER ada")
    assert world.ask(peer, "PASS x").startswith("-ERR [AUTH]")
    assert world.ask(peer, "PASS green tea").startswith("-ERR Send USER first")
    for _ in range(2):
        world.reactor.advance(2)
        reply = world.ask(peer, "USER ada", "PASS x")
    assert reply.endswith("-ERR [AUTH] Wrong name or password\r\n")
    assert peer.eof_received


def test_passwords_need_tls(reactor, tmp_path):
    world = World(reactor, tmp_path / "mail", auth_insecure=False)
    assert world.ask(world.connect(), "USER ada").startswith("-ERR [SYS/PERM]")
    assert "USER" not in world.ask(world.connect(), "CAPA").splitlines()


def test_a_silent_client_is_disconnected(world):
    peer = world.login()
    world.reactor.advance(599)
    assert not peer.eof_received
    world.reactor.advance(2)
    assert peer.eof_received


def test_errors_and_connections_are_limited(reactor, tmp_path):
    world = World(reactor, tmp_path / "mail", limits=POP3Limits(errors=2, connections=1))
    peer = world.connect()
    second = reactor.connect(lambda: POP3Connection(world.shared))
    reactor.settle()
    assert second.received.startswith(b"-ERR [SYS/TEMP]")
    assert world.ask(peer, *["FROB"] * 50).count("-ERR") == 3
    assert peer.eof_received


def test_a_large_mail_waits_for_a_slow_reader(world):
    world.maildir.write([NewMail("1800000000.x", b"", b"x" * 998 + b"\r\n")] * 1)
    big = (b"x" * 998 + b"\r\n") * 5000
    world.maildir.write([NewMail("1800000001.x", b"", big)])
    peer = world.login()
    peer.stall()
    peer.send(b"RETR 5\r\nNOOP\r\n")
    world.reactor.settle()
    assert peer.transport.get_write_buffer_size() < 200_000
    peer.resume()
    world.reactor.settle()
    assert peer.read() == b"+OK\r\n" + big + b".\r\n+OK\r\n"


def test_a_client_that_does_not_read_is_disconnected(world):
    world.maildir.write([NewMail("1800000001.x", b"", (b"x" * 998 + b"\r\n") * 5000)])
    peer = world.login()
    peer.stall()
    peer.send(b"RETR 4\r\n")
    world.reactor.advance(601)
    assert peer.closed


# -- the command and real clients ------------------------------------------------------------------


@pytest.fixture
def start(serve, tmp_path):
    """Start ``--protocol mail`` with mails in its Maildir."""

    def start(*options: str):
        fill(tmp_path / "mail")
        folder = str(tmp_path / "mail")
        ports = ("--port", "0", "--pop3-port", "0")
        return serve("--protocol", "mail", *ports, "--maildir", folder, *options)

    return start


def run_client(*command: str, **environment: str) -> str:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    result = subprocess.run(
        command,
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )
    output = (result.stdout + result.stderr).decode()
    assert result.returncode == 0, output
    return output


def test_poplib_over_tls(start, certificate):
    server = start(
        *("--tls-cert", certificate.chain, "--tls-key", certificate.key, "--user", USER),
        *("--log-level", "error"),
    )
    client = poplib.POP3("localhost", server.ports["pop3"], timeout=TIMEOUT)
    with contextlib.closing(client):
        assert "STLS" in client.capa()
        assert "USER" not in client.capa()
        with pytest.raises(poplib.error_proto):
            client.user("ada")
        client.stls(ssl.create_default_context(cafile=certificate.ca))
        assert "STLS" not in client.capa()
        client.user("ada")
        client.pass_("green-tea")
        assert client.stat() == (3, 56)
        assert client.retr(1)[1][0] == b"Subject: one"
        client.dele(1)
        client.quit()


def test_commands_sent_with_stls_are_discarded(start, certificate):
    server = start("--tls-cert", certificate.chain, "--tls-key", certificate.key, "--user", USER)
    address = "localhost", server.ports["pop3"]
    with socket.create_connection(address, TIMEOUT) as plain, plain.makefile("rb") as file:
        file.readline()
        plain.sendall(b"STLS\r\nUSER eve\r\nQUIT\r\n")
        assert file.readline() == b"+OK Begin TLS\r\n"
        context = ssl.create_default_context(cafile=certificate.ca)
        with context.wrap_socket(plain, server_hostname="localhost") as secure:
            secure.sendall(b"PASS x\r\n")
            assert secure.recv(1000) == b"-ERR Send USER first\r\n"


def test_implicit_tls(start, certificate):
    server = start(
        *("--tls-cert", certificate.chain, "--tls-key", certificate.key),
        *("--user", USER, "--implicit-tls"),
    )
    context = ssl.create_default_context(cafile=certificate.ca)
    client = poplib.POP3_SSL("localhost", server.ports["pop3s"], timeout=TIMEOUT, context=context)
    with contextlib.closing(client):
        client.user("ada")
        client.pass_("green-tea")
        assert client.stat() == (3, 56)
        client.quit()


def test_on_loopback_any_password_is_right(start):
    server = start()
    output = run_client(
        "curl", "-sS", "--user", "x:y", f"pop3://127.0.0.1:{server.ports['pop3']}/1"
    )
    assert output.startswith("Subject: one")


def test_getmail(start, tmp_path):
    server = start()
    home = tmp_path / "home"
    home.mkdir()
    (home / "getmailrc").write_text(
        "[retriever]\ntype = SimplePOP3Retriever\nserver = 127.0.0.1\n"
        f"port = {server.ports['pop3']}\nusername = x\npassword = y\n"
        "[destination]\ntype = MDA_external\npath = /usr/bin/tee\n"
        f'arguments = ("-a", "{home}/box")\nallow_root_commands = true\n'
        "[options]\ndelete = true\ndelivered_to = false\nreceived = false\n"
    )
    run_client("getmail", f"--getmaildir={home}", HOME=str(home))
    assert (home / "box").read_bytes().count(b"Subject: one") == 1
    assert Maildir(tmp_path / "mail").mails() == []


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--host", "0.0.0.0", "--domain", "a.example"], "POP3 requires --user"),
        (["--no-pop3", "--pop3-port", "1"], "cannot be combined with --no-pop3"),
    ],
)
def test_wrong_usage(options, text, run_reactor, tmp_path):
    result = run_reactor(
        "--protocol", "mail", "--port", "0", "--maildir", str(tmp_path / "m"), *options
    )
    assert result.returncode == 2
    assert text in result.stderr
