"""TLS on an open connection: what came before the handshake is never handled as if it had been
encrypted, however quickly the client does the handshake."""

from __future__ import annotations

import errno
import socket
import ssl
import threading
from collections.abc import Callable

import pytest

from protocols.ftp import Accounts, FTPServer
from protocols.mail import Maildir, MailServer, MailStore, Settings
from protocols.mail.pop3.connection import POP3Connection
from protocols.mail.pop3.settings import POP3Settings, POP3Shared
from reactor import LineProtocol, Protocol, Reactor, list_timers
from reactor.testing import VirtualReactor

from ..tools.waiting import TIMEOUT


class QuickPeer(ssl.SSLSocket):
    """The handshake is done in one call, as if the client answered at once."""

    def do_handshake(self, block: bool = False) -> None:
        self.settimeout(TIMEOUT)
        super().do_handshake(block)
        self.setblocking(False)


Factory = Callable[[Reactor, ssl.SSLContext, str], Callable[[], Protocol]]


def smtp(reactor: Reactor, context: ssl.SSLContext, folder: str) -> Callable[[], Protocol]:
    return MailServer(lambda message: None, Settings(hostname="mx.example.org", tls=context))


def pop3(reactor: Reactor, context: ssl.SSLContext, folder: str) -> Callable[[], Protocol]:
    store = MailStore(reactor, Maildir(folder), "mx.example.org")
    settings = POP3Settings(hostname="mx.example.org", tls=context, auth_insecure=True)
    shared = POP3Shared(store, settings)
    return lambda: POP3Connection(shared)


def ftp(reactor: Reactor, context: ssl.SSLContext, folder: str) -> Callable[[], Protocol]:
    return FTPServer(reactor, Accounts(), context=context)


@pytest.mark.parametrize(
    ("factory", "hello", "command", "reply"),
    [
        (smtp, b"EHLO a\r\n", b"STARTTLS\r\n", b"250 2.0.0"),
        (pop3, b"", b"STLS\r\n", b"-ERR"),
        (ftp, b"", b"AUTH TLS\r\n", b"200"),
    ],
)
def test_a_client_that_does_the_handshake_at_once(
    factory: Factory, hello: bytes, command: bytes, reply: bytes, certificate, tmp_path
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.chain, certificate.key)
    context.sslsocket_class = QuickPeer
    received: list[bytes] = []

    def client(address: tuple[str, int]) -> None:
        with socket.create_connection(address, TIMEOUT) as plain, plain.makefile("rb") as file:
            file.readline()
            if hello:
                plain.sendall(hello)
                while file.readline()[3:4] == b"-":
                    pass
            plain.sendall(command + b"SMUGGLED\r\nSMUGGLED\r\n")
            file.readline()
            trusted = ssl.create_default_context(cafile=certificate.ca)
            with trusted.wrap_socket(plain, server_hostname="localhost") as secure:
                secure.sendall(b"NOOP\r\nQUIT\r\n")
                while data := secure.recv(65536):
                    received.append(data)

    with Reactor() as reactor:
        server = factory(reactor, context, str(tmp_path / "mail"))
        listener = reactor.listen_tcp(server, "localhost", 0)
        address = listener.addresses[0][:2]

        def run() -> None:
            try:
                client(address)
            finally:
                reactor.call_soon_threadsafe(reactor.stop)

        thread = threading.Thread(target=run)
        thread.start()
        reactor.run()
        thread.join()
    lines = b"".join(received).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(reply)


@pytest.mark.parametrize(
    ("factory", "hello", "command"),
    [(smtp, b"EHLO a\r\n", b"STARTTLS\r\n"), (pop3, b"", b"STLS\r\n"), (ftp, b"", b"AUTH TLS\r\n")],
)
def test_a_client_that_does_not_read_the_reply_is_disconnected(
    factory: Factory, hello: bytes, command: bytes, tmp_path
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    with VirtualReactor() as reactor:
        server = factory(reactor, context, str(tmp_path / "mail"))
        peer = reactor.connect(server)
        reactor.advance(0)
        peer.send(hello)
        reactor.settle()
        peer.stall(0)
        peer.send(command)
        reactor.advance(0)
        assert peer.closed
        assert list_timers(reactor)["total"] == 0


def test_a_connection_is_closed_when_there_is_no_descriptor_for_tls(
    certificate, tmp_path, monkeypatch
) -> None:
    def fail(self: socket.socket) -> socket.socket:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket.socket, "dup", fail)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    replies: list[str] = []
    with Reactor() as reactor:
        server = MailServer(lambda message: None, Settings(hostname="mx.example.org", tls=context))
        listener = reactor.listen_tcp(server, "localhost", 0)

        class Client(LineProtocol):
            def line_received(self, line):
                replies.append(line)
                if line.startswith("220 mx"):
                    self.transport.write(b"EHLO a\r\n")
                elif line.startswith("250 "):
                    self.transport.write(b"STARTTLS\r\n")

            def connection_lost(self, exc):
                reactor.stop()

        reactor.connect_tcp(Client, *listener.addresses[0][:2])
        reactor.call_later(TIMEOUT, pytest.fail, "the connection stays open")
        reactor.run()
        assert server.shared.connections == 0
    assert replies[-1].startswith("220 2.0.0")
