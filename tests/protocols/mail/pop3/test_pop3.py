"""POP3: dialogues in memory, and real clients."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import poplib
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.mail import Maildir, MailStore
from protocols.mail.maildir import NewMail, StoredMail
from protocols.mail.pop3 import content
from protocols.mail.pop3.commands import unique_id
from protocols.mail.pop3.connection import POP3Connection
from protocols.mail.pop3.content import MailContent
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
        self.shared = POP3Shared(store, POP3Settings("mx.example.org", **options))

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


def pieces(data: bytes, lines: int | None = None) -> bytes:
    """What ``MailContent`` makes of the file ``data``."""
    content = MailContent(lambda: io.BytesIO(data), lines)
    sent = b""
    while not content.done:
        sent += content.next_piece()
    return sent


@pytest.mark.parametrize("empty", [0, 1, 5, 5000])
@pytest.mark.parametrize("lines", [0, 1, 2, 4999, 5000, 5001, 999_999_999])
def test_top_of_many_lines(empty, lines):
    body = [b"\r\n"] * empty + [b"a\r\n", b"bcd\r\n"]
    assert pieces(b"A: b\r\n\r\n" + b"".join(body), lines) == (
        b"A: b\r\n\r\n" + b"".join(body[:lines]) + b".\r\n"
    )
    assert pieces(b"A: b\r\n", lines) == b"A: b\r\n.\r\n"


FILE = st.lists(st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"\n\n", b"x", b"Ab: c"])).map(
    b"".join
)


@given(data=FILE, size=st.integers(1, 9), lines=st.none() | st.integers(0, 5))
def test_a_mail_in_pieces_of_every_size_is_the_same(data, size, lines):
    """Compared with the definition: RFC 1939 sections 3 and 7."""
    text = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    if lines is not None:
        head, empty, body = (b"\r\n" + text).partition(b"\r\n\r\n")
        kept = body.split(b"\r\n")[:lines]
        if body.count(b"\r\n") >= lines:
            kept.append(b"")
        text = (head + empty + b"\r\n".join(kept if empty else []))[2:]
    if text and not text.endswith(b"\r\n"):
        text += b"\r\n"
    stuffed = (b"\r\n" + text).replace(b"\r\n.", b"\r\n..")[2:]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(content, "_PIECE", size)
        assert pieces(data, lines) == stuffed + b".\r\n"


def test_mails_are_read_in_threads(world, monkeypatch):
    # Reading waits for the disk, and finding the lines of a large mail takes a while.
    threads = []
    next_piece = MailContent.next_piece

    def noted(content):
        threads.append(threading.current_thread())
        return next_piece(content)

    monkeypatch.setattr(MailContent, "next_piece", noted)
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


def test_a_password_does_not_wait_for_ever_to_be_checked(world):
    world.shared.checks(world.reactor).at_once = 0
    peer = world.connect("USER ada")
    assert world.ask(peer, "PASS green tea") == ""
    world.reactor.advance(21)
    assert peer.read().startswith(b"-ERR [SYS/TEMP] Too many passwords")
    world.shared.checks(world.reactor).at_once = 4
    assert world.ask(peer, "PASS green tea").startswith("+OK")


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


def test_sessions_that_do_not_read_hold_a_piece_of_the_mail_each(reactor, tmp_path):
    world = World(reactor, tmp_path / "mail")
    world.maildir.write([NewMail("1800000001.x", b"", (b"x" * 998 + b"\r\n") * 20_000)])
    peers = [world.login() for _ in range(10)]
    tracemalloc.start()
    try:
        for peer in peers:
            peer.stall()
            peer.send(b"RETR 4\r\n")
        reactor.settle()
        assert tracemalloc.get_traced_memory()[0] < 10 * 300_000
    finally:
        tracemalloc.stop()
    for peer in peers:
        peer.reset()
    reactor.settle()
    assert world.shared.connections == 0


def test_a_mail_that_cannot_be_read_to_its_end_is_not_ended(world, monkeypatch, caplog):
    world.maildir.write([NewMail("1800000001.x", b"", (b"x" * 998 + b"\r\n") * 500)])

    class Broken(io.BytesIO):
        def read(self, size):
            data = super().read(size)
            if self.tell() > 200_000:
                raise OSError(errno.EIO, "Input/output error")
            return data

    monkeypatch.setattr(world.maildir, "open", lambda identity: Broken(b"x" * 99 + b"\n" * 300_000))
    peer = world.login()
    reply = world.ask(peer, "RETR 4")
    assert reply.startswith("+OK")
    assert not reply.endswith("\r\n.\r\n")
    assert peer.closed
    assert "in part only" in caplog.text


def test_listings_of_many_mails(world):
    folder = world.maildir.path / "cur"
    for number in range(3000):
        (folder / f"18{number:08}.x,S=1,W={number}:2,S").write_bytes(b"")
    peer = world.login()
    listed = world.ask(peer, "LIST").splitlines()
    assert listed[0] == "+OK 3003 mails"
    assert listed[4:] == [*(f"{number + 4} {number}" for number in range(3000)), "."]
    names = world.ask(peer, "DELE 4", "UIDL", "NOOP").splitlines()[2:]
    assert names[3:] == [*(f"{n + 4} 18{n:08}.x" for n in range(1, 3000)), ".", "+OK"]
    peer.stall(1000)
    peer.send(b"UIDL\r\n" * 100)
    world.reactor.settle()
    assert peer.transport.get_write_buffer_size() < 200_000


@pytest.mark.parametrize(("mails", "times"), [(2000, 1), (400, 10)])
def test_listings_of_many_clients_leave_turns_to_others(mails, times, world):
    for number in range(mails):
        name = f"18{number:08}.x,S=1,W={number}:2,S"
        (world.maildir.path / "cur" / name).write_bytes(b"")
    peers = [world.login() for _ in range(20)]
    for peer in peers:
        peer.send(b"UIDL\r\n" * times + b"NOOP\r\n")
    lines, turns = 0, []
    while lines < 20 * (times * (mails + 5) + 1):
        world.reactor.run_once()
        now = sum(peer.received.count(b"\n") for peer in peers)
        turns.append(now - lines)
        lines = now
    assert max(turns) < 1000
    sizes = {len(peer.received) for peer in peers}
    assert len(sizes) == 1
    assert peers[0].read().endswith(b"\r\n.\r\n+OK\r\n")


def test_a_long_pipeline_leaves_turns_to_others(world):
    peer, other = world.login(), world.login()
    peer.send(b"NOOP\r\n" * 1000)
    other.send(b"NOOP\r\n")
    world.reactor.run_once()
    assert other.received == b"+OK\r\n"
    assert len(peer.received) < 5000  # of the replies
    world.reactor.settle()
    assert peer.read() == b"+OK\r\n" * 1000


def test_numbers_after_marks(world):
    peer = world.login()
    assert world.ask(peer, "DELE 2", "STAT", "RSET", "STAT").splitlines()[1::2] == [
        "+OK 2 31",
        "+OK 3 56",
    ]


def test_a_client_must_log_in_soon(world):
    peer = world.connect()
    for _ in range(17):
        world.reactor.advance(10)
        assert world.ask(peer, "CAPA").startswith("+OK")
    world.reactor.advance(11)
    assert peer.eof_received
    assert world.shared.connections == 0


def test_after_a_stall_of_ours_a_client_whose_command_waits_is_served(world):
    peer = world.login()
    peer.send(b"NOOP\r\n")
    world.reactor.stall(10_000, waiting=True)
    world.reactor.settle()
    assert peer.read() == b"+OK\r\n"


def test_after_a_stall_of_ours_a_client_has_time_to_answer_our_reply(world):
    peer = world.login()
    peer.send(b"NOOP\r\n")
    world.reactor.call_soon(world.reactor.stall, 700)  # in the turn that replies
    world.reactor.settle()
    assert peer.read() == b"+OK\r\n"
    world.reactor.advance(0.05)
    assert world.ask(peer, "NOOP") == "+OK\r\n"


def test_with_a_lock_one_session_at_a_time_has_the_mailbox(reactor, tmp_path):
    world = World(reactor, tmp_path / "mail", exclusive=True)
    first, second = world.login(), world.connect("USER ada")
    assert world.ask(second, "PASS green tea", "NOOP").splitlines() == [
        "-ERR [IN-USE] Another client has opened the mailbox; try again later",
        "-ERR Not in this state",
    ]
    assert world.ask(first, "QUIT") == "+OK Bye\r\n"
    assert world.ask(second, "USER ada", "PASS green tea") == "+OK\r\n+OK 3 mails\r\n"
    second.reset()
    reactor.settle()
    world.login()


def test_a_session_that_has_said_quit_frees_the_mailbox_at_once(reactor, tmp_path):
    world = World(reactor, tmp_path / "mail", exclusive=True)
    first = world.login()
    first.stall()  # it does not read the reply
    first.send(b"QUIT\r\n")
    reactor.settle()
    assert not first.closed
    world.login()


def test_a_mailbox_that_cannot_be_opened_is_not_locked(reactor, tmp_path, monkeypatch, caplog):
    world = World(reactor, tmp_path / "mail", exclusive=True)

    def fail():
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(world.maildir, "mails", fail)
        peer = world.connect("USER ada")
        assert world.ask(peer, "PASS green tea").startswith("-ERR [SYS/TEMP]")
    assert "Input/output error" in caplog.text
    world.login()


COMMANDS = st.sampled_from(
    [
        *("USER ada", "PASS green tea", "LIST", "UIDL 1", "RETR 2", "TOP 1 1", "DELE 3"),
        *("RSET", "NOOP", "STAT", "CAPA", "FROB", "", "x"),
    ]
)


@given(commands=st.lists(COMMANDS, max_size=18), chunk=st.integers(1, 50))
def test_a_pipeline_in_pieces_of_every_size_gets_the_same_replies(commands, chunk):
    with VirtualReactor() as reactor, tempfile.TemporaryDirectory() as folder:
        world = World(reactor, Path(folder, "mail"), auth_any=True)
        lines = ["USER ada", "PASS x", *commands]
        one_by_one, peer = "", world.connect()
        for line in lines:
            one_by_one += world.ask(peer, line)
        assert world.ask(world.connect(), *lines, chunk=chunk) == one_by_one


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
        (["--no-pop3", "--pop3-lock"], "cannot be combined with --no-pop3"),
    ],
)
def test_wrong_usage(options, text, run_reactor, tmp_path):
    result = run_reactor(
        "--protocol", "mail", "--port", "0", "--maildir", str(tmp_path / "m"), *options
    )
    assert result.returncode == 2
    assert text in result.stderr
