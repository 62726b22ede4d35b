"""How data connections with TLS end: in good order, without close_notify, and with a reset; and how
they begin, before the command and after it."""

from __future__ import annotations

import ftplib
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from protocols.ftp.data import DataPorts
from reactor import Reactor

from ...tools.certificates import Certificate
from ...tools.commands import Command
from ...tools.recording import Recorder
from ...tools.waiting import TIMEOUT, until, wait_until

# 300 KB: more than what the server's system has when the client closes.
DATA = bytes(range(256)) * 1200
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER with a time of 0


@pytest.fixture
def server_context(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.chain, certificate.key)
    return context


@pytest.fixture
def context(certificate: Certificate) -> ssl.SSLContext:
    """A client's."""
    return ssl.create_default_context(cafile=certificate.ca)


class Client:
    """The client's end of a connection. It only reads what the handshake needs."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        self.sock = sock
        self.sock.setblocking(False)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname="localhost")

    def do_handshake(self, reactor: Reactor) -> None:
        """With TLS 1.3, the server does not have the end of it when this returns."""
        while True:
            try:
                self._tls.do_handshake()
                return
            except ssl.SSLWantReadError:
                self.sock.sendall(self._outgoing.read())
                until(reactor, self._has_received)

    def send_and_close(self, data: bytes) -> None:
        """Send ``data`` and close_notify, and close the connection."""
        self._tls.write(data)
        with pytest.raises(ssl.SSLWantReadError):  # the server's close_notify
            self._tls.unwrap()
        self.sock.settimeout(TIMEOUT)
        self.sock.sendall(self._outgoing.read())
        self.sock.close()

    def _has_received(self) -> bool:
        try:
            self._incoming.write(self.sock.recv(65536))
        except BlockingIOError:
            return False
        return True


@pytest.mark.parametrize("passive", [True, False])
def test_a_client_that_does_not_read_ends_in_good_order(
    server_context: ssl.SSLContext, context: ssl.SSLContext, passive: bool
) -> None:
    # If the server sent session tickets now, the connection would be reset: curl and lftp do not
    # wait for them. What is still on the way would be lost, and close_notify with it.
    recorder = Recorder()
    with Reactor() as reactor, socket.create_server(("127.0.0.1", 0)) as listening:
        ports = DataPorts(reactor)
        if passive:
            port = ports.passive("127.0.0.1", "127.0.0.1")
            sock = socket.create_connection(port.address, TIMEOUT)
            port.open(recorder, server_context, TIMEOUT, pytest.fail)
        else:
            active = ports.active("127.0.0.1", "127.0.0.1", listening.getsockname()[1])
            active.open(recorder, server_context, TIMEOUT, pytest.fail)
            sock, _ = listening.accept()
        client = Client(sock, context)
        client.do_handshake(reactor)
        client.send_and_close(DATA)
        until(reactor, lambda: recorder.lost)
    assert recorder.data == DATA
    assert recorder.calls[-2:] == ["eof_received", "connection_lost"]
    assert recorder.lost == [None]
    assert server_context.num_tickets == 2  # the control connection sends them


# -- uploads ---------------------------------------------------------------------------------------


class ProtectedClient(ftplib.FTP_TLS):
    """A client, and the server that was started for it."""

    server: Command


@pytest.fixture
def connect(
    serve: Callable[..., Command], certificate: Certificate, context: ssl.SSLContext, root: Path
) -> Iterator[Callable[..., ProtectedClient]]:
    """Start a server with options, and connect a client that protects its data."""
    client = ProtectedClient(context=context, timeout=TIMEOUT)

    def begin(*options: str) -> ProtectedClient:
        client.server = serve(
            "--protocol", "ftp", "--port", "0", "--root", str(root), "--writable",
            "--tls-cert", certificate.chain, "--tls-key", certificate.key, *options,
        )  # fmt: skip
        client.connect("127.0.0.1", client.server.ports["ftp"])
        client.host = "localhost"
        client.login()
        client.prot_p()
        return client

    with closing(client):
        yield begin


def end_without_notify(data: ssl.SSLSocket) -> None:
    socket.socket(fileno=data.detach()).close()


def reset(data: ssl.SSLSocket) -> None:
    data.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    end_without_notify(data)


def test_an_upload_that_ends_without_close_notify(
    connect: Callable[..., ftplib.FTP_TLS], root: Path
) -> None:
    client = connect()
    with client.transfercmd("STOR new") as data:
        data.sendall(DATA)
        end_without_notify(data)
    assert client.voidresp()[:3] == "226"
    assert (root / "new").read_bytes() == DATA


def test_close_notify_can_be_required(connect: Callable[..., ftplib.FTP_TLS], root: Path) -> None:
    client = connect("--require-close-notify")
    with client.transfercmd("STOR new") as data:
        data.sendall(DATA)
        end_without_notify(data)  # as if an attacker had cut the connection
    with pytest.raises(ftplib.error_temp, match="426"):
        client.voidresp()
    wait_until(lambda: sorted(path.name for path in root.iterdir()) == ["a.txt", "sub"])
    with client.transfercmd("STOR new") as data:
        data.sendall(DATA)
        data.unwrap()
    assert client.voidresp()[:3] == "226"
    assert (root / "new").read_bytes() == DATA


def test_an_upload_that_is_reset_is_not_stored(
    connect: Callable[..., ftplib.FTP_TLS], root: Path
) -> None:
    client = connect()
    with client.transfercmd("STOR new") as data:
        data.sendall(DATA)
        reset(data)
    with pytest.raises(ftplib.error_temp, match="426"):
        client.voidresp()
    wait_until(lambda: sorted(path.name for path in root.iterdir()) == ["a.txt", "sub"])


def test_a_data_connection_resumes_the_session(connect: Callable[..., ftplib.FTP_TLS]) -> None:
    # Some clients insist on it: it shows that both connections are the same client's.
    client = connect()
    control = client.sock
    assert isinstance(control, ssl.SSLSocket)
    for _ in range(3):
        host, port = ftplib.parse227(client.sendcmd("PASV"))
        with socket.create_connection((host, port), TIMEOUT) as sock:
            client.putcmd("NLST")
            assert client.getresp()[:3] == "150"
            with client.context.wrap_socket(
                sock, server_hostname="localhost", session=control.session
            ) as data:
                assert data.session_reused
                assert data.recv(100) == b"a.txt\r\nsub\r\n"
        assert client.voidresp()[:3] == "226"


# -- a handshake before the transfer's command -----------------------------------------------------


def connect_data(client: ftplib.FTP_TLS) -> ssl.SSLSocket:
    """Ask for a data connection and finish its handshake, as aioftp does."""
    _, port = ftplib.parse227(client.sendcmd("PASV"))
    sock = socket.create_connection(("127.0.0.1", port), TIMEOUT)
    return client.context.wrap_socket(sock, server_hostname="localhost")


def test_the_handshake_may_come_before_the_command(
    connect: Callable[..., ftplib.FTP_TLS], root: Path
) -> None:
    client = connect()
    client.voidcmd("TYPE I")
    with connect_data(client) as data:
        data.sendall(DATA)  # waits for the command
        client.putcmd("STOR new")
        assert client.getresp()[:3] == "150"
        data.unwrap()
    assert client.voidresp()[:3] == "226"
    with connect_data(client) as data:
        client.putcmd("RETR new")
        assert client.getresp()[:3] == "150"
        with data.makefile("rb") as file:
            assert file.read() == (root / "new").read_bytes()
    assert client.voidresp()[:3] == "226"


def test_a_handshake_that_failed_before_the_command(
    connect: Callable[..., ftplib.FTP_TLS],
) -> None:
    client = connect()
    _, port = ftplib.parse227(client.sendcmd("PASV"))
    with socket.create_connection(("127.0.0.1", port), TIMEOUT) as data:
        data.sendall(b"this is no handshake\r\n")
        until_closed(data)
        assert client.sendcmd("NLST")[:3] == "150"
        with pytest.raises(ftplib.error_temp, match="425"):
            client.voidresp()


def test_protection_may_be_chosen_after_the_port(
    connect: Callable[..., ftplib.FTP_TLS],
) -> None:
    client = connect()
    client.prot_c()
    _, port = ftplib.parse227(client.sendcmd("PASV"))
    client.prot_p()
    with socket.create_connection(("127.0.0.1", port), TIMEOUT) as sock:
        client.putcmd("NLST")
        assert client.getresp()[:3] == "150"
        with client.context.wrap_socket(sock, server_hostname="localhost") as data:
            assert data.recv(100) == b"a.txt\r\nsub\r\n"
    assert client.voidresp()[:3] == "226"


def test_stopping_closes_a_protected_connection_without_a_transfer(
    connect: Callable[..., ProtectedClient],
) -> None:
    client = connect()
    with connect_data(client) as data:
        assert client.server.stop() == (0, "")
        until_closed(data)


def test_a_protected_connection_without_a_transfer_is_closed(
    connect: Callable[..., ftplib.FTP_TLS],
) -> None:
    client = connect()
    for command in ("PASV", "PROT C", "REIN"):  # another port; no TLS; another user
        with connect_data(client) as data:
            client.sendcmd(command)
            until_closed(data)
        if command == "PROT C":
            assert client.sendcmd("PROT P")[:3] == "200"


def until_closed(sock: socket.socket) -> None:
    with suppress(ConnectionError, ssl.SSLError):
        assert sock.recv(100) == b""
