"""Data connections on real sockets: strangers, ports that are taken, both ways, TLS."""

from __future__ import annotations

import ftplib
import os
import random
import re
import resource
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from protocols.ftp import FTPServer
from protocols.ftp.accounts import open_accounts
from protocols.ftp.data import DataPorts
from protocols.rooted import Names, Root
from reactor import Reactor

from ...tools.certificates import Certificate
from ...tools.commands import Command
from ...tools.threads import running
from ...tools.waiting import TIMEOUT, wait_until

Serve = Callable[..., Command]

LARGE = bytes(range(256)) * 40_000  # 10 MB


@pytest.fixture
def start(serve: Serve, root: Path) -> Callable[..., Command]:
    """Start a server of ``root``."""

    def begin(*options: str) -> Command:
        return serve("--protocol", "ftp", "--port", "0", "--root", str(root), *options)

    return begin


@pytest.fixture
def clients() -> Iterator[Callable[[Command], ftplib.FTP]]:
    """Make clients that have logged in; they are closed at the end."""
    with ExitStack() as stack:

        def make(server: Command) -> ftplib.FTP:
            client = stack.enter_context(closing(ftplib.FTP(timeout=TIMEOUT)))
            client.connect("127.0.0.1", server.ports["ftp"])
            client.login()
            return client

        yield make


def passive_port(client: ftplib.FTP) -> int:
    return ftplib.parse229(client.sendcmd("EPSV"), client.sock.getpeername())[1]


def connect(port: int, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), TIMEOUT, source_address=(source, 0))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")
def test_a_stranger_gets_nothing(start: Serve, clients: Callable[[Command], ftplib.FTP]) -> None:
    client = clients(start())
    port = passive_port(client)
    with connect(port, "127.0.0.2") as stranger:
        assert stranger.recv(1) == b""  # closed at once
        client.putcmd("RETR a.txt")
        assert client.getresp()[:3] == "150"
        with connect(port) as own:
            assert own.recv(100) == b"one\r\ntwo\r\n"
    assert client.getresp()[:3] == "226"


def test_a_port_accepts_one_connection(
    start: Serve, clients: Callable[[Command], ftplib.FTP]
) -> None:
    client = clients(start())
    port = passive_port(client)
    with connect(port):
        wait_until(lambda: _is_refused(port))
    assert client.voidcmd("NOOP")[:3] == "200"


def _is_refused(port: int) -> bool:
    try:
        connect(port).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        pass  # just now
    return False


@pytest.mark.parametrize("taken", [False, True])
def test_a_passive_port_is_guessed(monkeypatch: pytest.MonkeyPatch, taken: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, Reactor() as reactor:
        number = other.getsockname()[1]
        if not taken:
            other.close()
        monkeypatch.setattr(random, "choice", lambda numbers: number)
        port = DataPorts(reactor).passive("127.0.0.1", "127.0.0.1")
        assert (port.address[1] == number) is not taken
        port.close()


def test_all_passive_ports_taken(start: Serve, clients: Callable[[Command], ftplib.FTP]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        first = sock.getsockname()[1]
    server = start("--passive-ports", f"{first}-{first}")
    one, two = clients(server), clients(server)
    assert passive_port(one) == first
    with pytest.raises(ftplib.error_temp, match=r"425 No passive port is free"):
        two.sendcmd("PASV")
    one.quit()
    wait_until(lambda: _replies(two, "PASV") == "227")
    with pytest.raises(ftplib.error_temp, match="425"):
        clients(server).sendcmd("EPSV")


def _replies(client: ftplib.FTP, command: str) -> str:
    try:
        return client.sendcmd(command)[:3]
    except ftplib.error_temp as exc:
        return str(exc)[:3]


def test_most_passive_ports(start: Serve, clients: Callable[[Command], ftplib.FTP]) -> None:
    server = start("--max-passive-ports", "1")
    one, two = clients(server), clients(server)
    passive_port(one)
    passive_port(one)  # replaces the one before
    with pytest.raises(ftplib.error_temp, match="425"):
        passive_port(two)


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit(2) is Linux's")
def test_no_descriptor_is_left_for_a_data_connection(
    start: Serve, clients: Callable[[Command], ftplib.FTP]
) -> None:
    server = start()
    client = clients(server)
    port = passive_port(client)
    client.putcmd("LIST")
    assert client.getresp()[:3] == "150"
    used = len(os.listdir(f"/proc/{server.process.pid}/fd"))
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (used, used))
    with suppress(ConnectionResetError):  # it is reset at once
        connect(port).close()
    with pytest.raises(ftplib.error_temp, match=r"425 .*Too many open files"):
        client.getresp()
    assert client.voidcmd("NOOP")[:3] == "200"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc/net/tcp")
def test_a_port_that_nobody_uses_is_closed(
    start: Serve, clients: Callable[[Command], ftplib.FTP]
) -> None:
    client = clients(start("--data-timeout", "0.2"))
    port = passive_port(client)
    wait_until(lambda: not _listens(port))
    client.putcmd("LIST")
    assert client.getresp()[:3] == "150"
    with pytest.raises(ftplib.error_temp, match=r"425 .*has not connected"):
        client.getresp()


def _listens(port: int) -> bool:
    """Without connecting: that would use the port."""
    return f":{port:04X} 00000000:0000 0A " in Path("/proc/net/tcp").read_text()


def test_the_public_address(start: Serve, clients: Callable[[Command], ftplib.FTP]) -> None:
    client = clients(start("--public-address", "203.0.113.7"))
    assert re.search(r"\(203,0,113,7,\d+,\d+\)", client.sendcmd("PASV"))


@pytest.mark.parametrize("passive", [True, False])
def test_both_ways(
    start: Serve, clients: Callable[[Command], ftplib.FTP], root: Path, passive: bool
) -> None:
    client = clients(start("--writable"))
    client.set_pasv(passive)
    (root / "large").write_bytes(LARGE)
    received = bytearray()
    client.retrbinary("RETR large", received.extend)
    assert received == LARGE
    with (root / "large").open("rb") as file:
        client.storbinary("STOR copy", file)
    assert (root / "copy").read_bytes() == LARGE
    assert sorted(client.nlst()) == ["a.txt", "copy", "large", "sub"]


def test_ipv6(start: Serve, root: Path) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("there is no IPv6")
    server = start("--host", "::1")
    with closing(ftplib.FTP(timeout=TIMEOUT)) as client:
        client.connect("::1", server.ports["ftp"])
        client.login()
        for passive in (True, False):
            client.set_pasv(passive)
            assert client.nlst() == ["a.txt", "sub"]
        with pytest.raises(ftplib.error_temp, match="425 PASV is for IPv4 only"):
            client.sendcmd("PASV")
        assert client.sendcmd("EPSV 2")[:3] == "229"


def test_nobody_listens_at_the_active_port(
    start: Serve, clients: Callable[[Command], ftplib.FTP]
) -> None:
    client = clients(start())
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    client.sendport("127.0.0.1", port)
    client.putcmd("LIST")
    assert client.getresp()[:3] == "150"
    with pytest.raises(ftplib.error_temp, match=r"425 .*Connection refused"):
        client.getresp()


@pytest.mark.parametrize(
    "parts",
    [
        [(b"ABOR\r\n", socket.MSG_OOB)],  # ftplib
        [(b"\xff\xf4\xff", socket.MSG_OOB), (b"\xf2ABOR\r\n", 0)],  # the BSD client
        [(b"\xff\xf4", 0), (b"\xff\xf2", socket.MSG_OOB), (b"ABOR\r\n", 0)],  # RFC 959
        [(b"\xff\xf4\xff\xf2ABOR\r\n", 0)],
    ],
)
def test_abor_with_interrupt_process_and_synch(
    start: Serve,
    clients: Callable[[Command], ftplib.FTP],
    root: Path,
    parts: list[tuple[bytes, int]],
) -> None:
    (root / "large").write_bytes(LARGE)
    client = clients(start())
    with client.transfercmd("RETR large"):
        for part, flags in parts:
            client.sock.sendall(part, flags)
        assert client.getmultiline()[:3] == "426"
        assert client.voidresp()[:3] == "226"
    assert client.nlst() == ["a.txt", "large", "sub"]


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="only Linux has files without names")
def test_a_killed_server_leaves_no_half_upload(
    start: Serve, clients: Callable[[Command], ftplib.FTP], root: Path
) -> None:
    server = start("--writable")
    client = clients(server)
    with client.transfercmd("STOR new") as data:
        data.sendall(LARGE[:100_000])
        wait_until(lambda: "100000 bytes so far" in client.sendcmd("STAT"))
        server.process.kill()
        server.process.communicate(timeout=TIMEOUT)
    assert sorted(path.name for path in root.iterdir()) == ["a.txt", "sub"]


def test_a_silent_data_connection(start: Serve, clients: Callable[[Command], ftplib.FTP]) -> None:
    client = clients(start("--data-timeout", "0.2", "--writable"))
    with (
        client.transfercmd("STOR new"),
        pytest.raises(ftplib.error_temp, match="426 No progress"),
    ):
        client.getresp()
    passive_port(client)
    client.putcmd("LIST")
    client.getresp()
    with pytest.raises(ftplib.error_temp, match="425"):
        client.getresp()


def test_stopping_closes_idle_clients(
    start: Serve, clients: Callable[[Command], ftplib.FTP]
) -> None:
    server = start()
    client = clients(server)
    assert server.stop() == (0, "")
    with pytest.raises(ftplib.error_temp, match="421 The server is stopping"):
        client.getresp()


# -- small files and slow disks --------------------------------------------------------------------


def test_a_client_that_connects_after_its_command(
    start: Serve, clients: Callable[[Command], ftplib.FTP]
) -> None:
    client = clients(start())
    port = passive_port(client)
    client.putcmd("RETR a.txt")
    assert client.getresp()[:3] == "150"
    with connect(port) as data:
        assert data.recv(100) == b"one\r\ntwo\r\n"
    assert client.getresp()[:3] == "226"


def test_a_port_that_was_used_is_free_again(
    start: Serve, clients: Callable[[Command], ftplib.FTP]
) -> None:
    client = clients(start("--max-passive-ports", "1"))
    for _ in range(3):
        lines: list[str] = []
        client.retrlines("RETR a.txt", lines.append)
        assert lines == ["one", "two"]


def test_a_file_on_a_slow_disk_delays_only_who_wants_it(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    going = threading.Event()
    really_open = Root.open

    def open_slowly(self: Root, names: Names, flags: int = os.O_RDONLY) -> int:
        if names == (b"slow",):
            assert going.wait(TIMEOUT)
        return really_open(self, names, flags)

    monkeypatch.setattr(Root, "open", open_slowly)
    (root / "slow").write_bytes(b"at last")
    reactor = Reactor()
    server = FTPServer(reactor, open_accounts((), str(root), anonymous=True, writable=False))
    listener = reactor.listen_tcp(server, "127.0.0.1", 0)
    with running(reactor), ExitStack() as stack:
        patient, other = (stack.enter_context(ftplib.FTP(timeout=TIMEOUT)) for _ in range(2))
        stack.callback(going.set)
        for client in (patient, other):
            client.connect(*listener.addresses[0][:2])
            client.login()
        port = passive_port(patient)
        with connect(port) as data:
            patient.putcmd("RETR slow")
            received = bytearray()
            other.retrbinary("RETR sub/b.bin", received.extend)
            assert received == bytes(range(256))
            assert other.nlst() == ["a.txt", "slow", "sub"]
            going.set()
            assert patient.getresp()[:3] == "150"
            assert data.recv(100) == b"at last"
        assert patient.getresp()[:3] == "226"


# -- TLS -------------------------------------------------------------------------------------------


class ImplicitTLS(ftplib.FTP_TLS):
    """ftplib has no implicit TLS."""

    def connect(self, host: str, port: int) -> str:  # type: ignore[override]
        self.host = host
        sock = socket.create_connection((host, port), TIMEOUT)
        self.sock = self.context.wrap_socket(sock, server_hostname="localhost")
        self.af = self.sock.family
        self.file = self.sock.makefile("r", encoding=self.encoding)
        self.welcome = self.getresp()
        return self.welcome


@pytest.fixture
def tls(certificate: Certificate) -> tuple[tuple[str, ...], ssl.SSLContext]:
    """The server's options, and a client's context."""
    context = ssl.create_default_context(cafile=certificate.ca)
    context.check_hostname = False
    return ("--tls-cert", certificate.chain, "--tls-key", certificate.key), context


@pytest.mark.parametrize("passive", [True, False])
@pytest.mark.parametrize("protected", [True, False])
def test_explicit_tls(start, tls, root: Path, passive: bool, protected: bool) -> None:
    options, context = tls
    server = start("--writable", *options)
    (root / "large").write_bytes(LARGE)
    with closing(ftplib.FTP_TLS(context=context, timeout=TIMEOUT)) as client:
        client.connect("127.0.0.1", server.ports["ftp"])
        assert "AUTH TLS" in client.sendcmd("FEAT")
        client.login()  # sends AUTH TLS first
        if protected:
            client.prot_p()
        client.set_pasv(passive)
        received = bytearray()
        client.retrbinary("RETR large", received.extend)
        assert received == LARGE
        with (root / "large").open("rb") as file:
            client.storbinary("STOR copy", file)
        assert (root / "copy").read_bytes() == LARGE
        assert sorted(client.nlst()) == ["a.txt", "copy", "large", "sub"]
        with pytest.raises(ftplib.error_perm, match="534"):
            client.sendcmd("CCC")
        with pytest.raises(ftplib.error_perm, match="503"):
            client.sendcmd("AUTH TLS")
        client.quit()


def test_implicit_tls(start, tls) -> None:
    options, context = tls
    server = start("--implicit-tls", *options)
    port = server.ports["ftps"]
    with closing(ImplicitTLS(context=context, timeout=TIMEOUT)) as client:
        client.connect("127.0.0.1", port)
        ftplib.FTP.login(client)
        client._prot_p = True
        assert client.nlst() == ["a.txt", "sub"]
    with socket.create_connection(("127.0.0.1", port), TIMEOUT) as plain:
        plain.sendall(b"USER anonymous\r\n")
        assert plain.recv(100) == b"421 This port expects TLS from the beginning\r\n"


def test_commands_sent_together_with_auth_are_discarded(start, tls, root: Path) -> None:
    # CVE-2011-0411: an attacker who cannot break TLS puts commands in front of it.
    options, context = tls
    server = start("--writable", *options)
    sock = socket.create_connection(("127.0.0.1", server.ports["ftp"]), TIMEOUT)
    with sock, sock.makefile("rb") as file:
        file.readline()
        sock.sendall(b"AUTH TLS\r\nUSER anonymous\r\nPASS x\r\nDELE a.txt\r\nNOO")
        assert file.readline()[:3] == b"234"
        with context.wrap_socket(sock, server_hostname="localhost") as secure:
            secure.sendall(b"STAT\r\n")
            reply = b""
            while not reply.endswith(b"211 End\r\n"):
                reply += secure.recv(4096)
            assert b"with TLS" in reply
            assert b"Logged in" not in reply
    assert (root / "a.txt").exists()


def test_a_login_is_forgotten_when_tls_begins(start, tls) -> None:
    options, context = tls
    server = start(*options)
    with closing(ftplib.FTP_TLS(context=context, timeout=TIMEOUT)) as client:
        client.connect("127.0.0.1", server.ports["ftp"])
        ftplib.FTP.login(client)
        client.auth()
        with pytest.raises(ftplib.error_perm, match="530"):
            client.pwd()


def test_required_tls(start, tls) -> None:
    options, context = tls
    server = start("--require-tls", *options)
    with closing(ftplib.FTP_TLS(context=context, timeout=TIMEOUT)) as client:
        client.connect("127.0.0.1", server.ports["ftp"])
        with pytest.raises(ftplib.error_perm, match="530 Begin TLS with AUTH TLS first"):
            client.sendcmd("USER anonymous")
        client.login()
        with pytest.raises(ftplib.error_perm, match="522"):
            client.nlst()
        with pytest.raises(ftplib.error_perm, match="503"):
            client.sendcmd("PROT P")
        for size in ("x", "\u0660", "\u00b9"):
            with pytest.raises(ftplib.error_perm, match="501 Expected a number"):
                client.sendcmd(f"PBSZ {size}")
        client.prot_p()
        assert client.nlst() == ["a.txt", "sub"]
        with pytest.raises(ftplib.error_perm, match="534"):
            client.prot_c()


def test_plain_text_after_auth_tls(start, tls) -> None:
    options, _ = tls
    server = start(*options)
    sock = socket.create_connection(("127.0.0.1", server.ports["ftp"]), TIMEOUT)
    with sock, sock.makefile("rb") as file:
        file.readline()
        sock.sendall(b"AUTH TLS\r\n")
        assert file.readline()[:3] == b"234"
        sock.sendall(b"USER anonymous\r\n")
        assert file.read() == b"421 After AUTH TLS a TLS handshake must follow\r\n"


def test_a_handshake_that_fails_frees_the_session(start, tls) -> None:
    options, _ = tls
    server = start("--max-connections", "1", *options)
    for _ in range(3):
        sock = socket.create_connection(("127.0.0.1", server.ports["ftp"]), TIMEOUT)
        with sock, sock.makefile("rb") as file:
            if file.readline()[:3] == b"220":
                sock.sendall(b"AUTH TLS\r\n")
                assert file.readline()[:3] == b"234"
                sock.sendall(b"this is no handshake\r\n" * 10)
                file.read()
    wait_until(lambda: _greeting(server) == b"220")


def _greeting(server: Command) -> bytes:
    with socket.create_connection(("127.0.0.1", server.ports["ftp"]), TIMEOUT) as sock:
        return sock.recv(100)[:3]
