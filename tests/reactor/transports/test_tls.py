"""TLS against clients and servers of Python's own ``ssl`` module, which the test controls."""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import struct
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trustme

from reactor import TLSTransport
from reactor.transports import stream
from reactor.transports.linger import LINGER_TIMEOUT
from reactor.transports.tls import HANDSHAKE_TIMEOUT, STOPPING_HANDSHAKE_TIMEOUT

from ...tools.certificates import tls_contexts
from ...tools.garbage import no_collection
from ...tools.recording import Recorder
from ...tools.waiting import TIMEOUT
from ...tools.worlds import BaseWorld

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


class World(BaseWorld):
    """A reactor with a clock that the test sets, TLS listeners, and peers that are plain
    sockets."""

    def __init__(self) -> None:
        self._now = 1000.0
        super().__init__(clock=lambda: self._now)
        self.sockets: list[socket.socket] = []
        self.server_context, self.client_context = tls_contexts()

    @property
    def now(self) -> float:
        return self._now

    @now.setter
    def now(self, now: float) -> None:
        """Time passes while the loop waits, so this does not count as a stall."""
        self._now = self.reactor.stats.last_wake = now

    def listen(self, **hooks: Any) -> Any:
        listener = self.reactor.listen_tcp(
            lambda: self.make(**hooks), "127.0.0.1", 0, tls=self.server_context
        )
        return listener.addresses[0]

    def plain(self, address: Any) -> socket.socket:
        """A client that sends nothing by itself."""
        sock = socket.create_connection(address)
        sock.setblocking(False)
        self.sockets.append(sock)
        return sock

    def client(self, address: Any, context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
        """A client with its handshake done."""
        context = context or self.client_context
        client = context.wrap_socket(
            self.plain(address),
            server_hostname="localhost",
            do_handshake_on_connect=False,
            suppress_ragged_eofs=False,
        )
        self.sockets.append(client)
        self.drive(client.do_handshake)
        self.until(lambda: self.ends and self.ends[-1].made)
        return client

    def drive(self, operation: Callable[..., Any], *args: Any) -> Any:
        """Call ``operation`` until it need not wait, and let the reactor run meanwhile."""
        deadline = time.monotonic() + TIMEOUT
        while True:
            try:
                return operation(*args)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
                assert time.monotonic() < deadline, "it does not happen"
                self.reactor.run_once(0.01)

    def ended(self, sock: socket.socket) -> bool:
        sock.settimeout(TIMEOUT)
        return sock.recv(1) == b""

    def close(self) -> None:
        super().close()
        for sock in self.sockets:
            sock.close()


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.close()


# -- the handshake ---------------------------------------------------------------------------------


def test_connection_made_comes_after_the_handshake(world: World) -> None:
    address = world.listen()
    sock = world.plain(address)
    world.until(lambda: world.ends)
    world.turns()
    assert not world.ends[0].made
    client = world.client_context.wrap_socket(
        sock, server_hostname="localhost", do_handshake_on_connect=False
    )
    world.sockets.append(client)
    world.drive(client.do_handshake)
    client.send(b"hello")
    world.until(lambda: world.ends[0].data == b"hello")
    assert world.ends[0].calls == ["connection_made", "data_received"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_handshake_may_come_byte_by_byte(world: World, version: ssl.TLSVersion) -> None:
    address = world.listen()
    sock = world.plain(address)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = version
    client = context.wrap_bio(incoming, outgoing)

    def exchange(operation: Callable[..., Any], *args: Any) -> None:
        deadline = time.monotonic() + TIMEOUT
        waiting = True
        while waiting:
            assert time.monotonic() < deadline, "it does not happen"
            try:
                operation(*args)
                waiting = False
            except ssl.SSLWantReadError:
                pass
            for byte in outgoing.read():
                sock.send(bytes([byte]))
                world.reactor.run_once(0)
            try:
                incoming.write(sock.recv(65536))
            except BlockingIOError:
                world.reactor.run_once(0)

    exchange(client.do_handshake)
    exchange(client.write, b"hello")
    world.until(lambda: world.ends[0].data == b"hello")


def test_a_handshake_has_a_deadline(world: World) -> None:
    silent = world.plain(world.listen())
    world.until(lambda: world.ends)
    world.now += HANDSHAKE_TIMEOUT - 1
    world.turns()
    assert world.reactor.stats.connections == 1
    world.now += 1
    world.turns()
    assert world.reactor.stats.connections == 0
    assert world.reactor.stats.refused == 1
    assert world.ended(silent)
    assert world.ends[0].calls == []


def test_a_trickle_does_not_prolong_the_handshake(world: World) -> None:
    slow = world.plain(world.listen())
    slow.send(b"\x16\x03\x01\x02\x00")  # the header of a record of 512 bytes
    world.until(lambda: world.ends)
    for _ in range(10):
        slow.send(b"\0")
        world.now += HANDSHAKE_TIMEOUT / 10
        world.turns()
    assert world.reactor.stats.refused == 1


def test_after_the_handshake_there_is_no_deadline_left(world: World) -> None:
    world.client(world.listen())
    world.now += 1000 * HANDSHAKE_TIMEOUT
    world.turns()
    assert world.ends[0].lost == []
    assert len(world.reactor.timers) == 0


def test_a_client_that_sends_plain_text_is_refused_and_harms_no_other(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    address = world.listen()
    friend = world.client(address)
    with caplog.at_level(logging.INFO):
        stranger = world.plain(address)
        stranger.send(b"GET / HTTP/1.0\r\n\r\n")
        world.until(lambda: world.reactor.stats.refused == 1)
    [record] = caplog.records
    assert (record.name, record.levelno) == ("reactor.transports.tls", logging.INFO)
    assert "TLS handshake with ('127.0.0.1'" in record.getMessage()
    assert record.exc_info is None
    assert world.ends[1].calls == []
    friend.send(b"unharmed")
    world.until(lambda: world.ends[0].data == b"unharmed")


class Explaining(Recorder):
    """Has a reply for clients that do not speak TLS."""

    reply = b"this is TLS\n"

    def plaintext_reply(self, transport: Any) -> bytes:
        assert transport.get_extra_info("peername")[0] == "127.0.0.1"
        return self.reply


class Silent(Explaining):
    reply = b""


class Failing(Explaining):
    def plaintext_reply(self, transport: Any) -> bytes:
        raise LookupError


class Ending(Explaining):
    def plaintext_reply(self, transport: Any) -> bytes:
        raise GeneratorExit


def received(world: World, sock: socket.socket) -> bytes:
    """All data until the end of data, which must not be a reset."""
    data = b""
    while piece := world.drive(sock.recv, 1000):
        data += piece
    return data


@pytest.mark.parametrize("pieces", [1, 3, 100])
@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        b"CONNECT a:443 HTTP/1.1\r\n\r\n",
        b"hello, world\r\n",
        b"POST / HTTP/1.1\r\n\r\n" + b"a" * 100_000,
    ],
)
def test_a_client_without_tls_gets_the_plaintext_reply(
    world: World, data: bytes, pieces: int
) -> None:
    listener = world.reactor.listen_tcp(Explaining, "127.0.0.1", 0, tls=world.server_context)
    sock = world.plain(listener.addresses[0])
    for start in range(0, 6, pieces):
        sock.send(data[start : start + pieces] if start + pieces < 6 else data[start:])
        world.turns(3)
    assert received(world, sock) == b"this is TLS\n"
    sock.close()
    world.until(lambda: not world.reactor.stats.lingering)
    assert listener.connections == 0
    assert world.reactor.stats.refused == 1


def tells_of_a_client_hello() -> bool:
    """Whether ``shared_ciphers()`` is None before a ClientHello. In older Python it never is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server = context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=True)
    return server.shared_ciphers() is None


@pytest.mark.skipif(
    not tells_of_a_client_hello(), reason="this Python does not tell whether a client has begun"
)
@pytest.mark.parametrize("data", [b"", b"hi\r\n"])
def test_a_client_that_begins_no_handshake_gets_the_plaintext_reply(
    world: World, data: bytes
) -> None:
    listener = world.reactor.listen_tcp(Explaining, "127.0.0.1", 0, tls=world.server_context)
    sock = world.plain(listener.addresses[0])
    sock.send(data)
    world.until(lambda: listener.connections)
    world.turns()
    world.now += HANDSHAKE_TIMEOUT
    assert received(world, sock) == b"this is TLS\n"
    assert world.reactor.stats.refused == 1


def test_a_client_that_has_begun_a_handshake_gets_no_plain_text(world: World) -> None:
    listener = world.reactor.listen_tcp(Explaining, "127.0.0.1", 0, tls=world.server_context)
    sock = world.plain(listener.addresses[0])
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = world.client_context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    sock.send(outgoing.read())
    assert world.drive(sock.recv, 1 << 16).startswith(b"\x16\x03")  # ServerHello
    world.now += HANDSHAKE_TIMEOUT
    assert b"this is TLS" not in received(world, sock)


def test_a_stop_does_not_reply_to_clients_that_are_silent(world: World) -> None:
    listener = world.reactor.listen_tcp(Explaining, "127.0.0.1", 0, tls=world.server_context)
    sock = world.plain(listener.addresses[0])
    world.until(lambda: listener.connections)
    world.reactor.stop(10.0)
    world.turns()
    world.now += STOPPING_HANDSHAKE_TIMEOUT
    assert received(world, sock) == b""


@pytest.mark.parametrize("factory", [Silent, Recorder])
def test_the_plaintext_reply_is_optional(world: World, factory: Any) -> None:
    listener = world.reactor.listen_tcp(factory, "127.0.0.1", 0, tls=world.server_context)
    sock = world.plain(listener.addresses[0])
    sock.send(b"GET /")
    assert received(world, sock) == b""
    world.until(lambda: not listener.connections)


def test_a_plaintext_reply_leaves_nothing_for_the_garbage_collector(world: World) -> None:
    made: list[weakref.ref[Any]] = []

    class Keeping(Explaining):
        def plaintext_reply(self, transport: Any) -> bytes:
            self.transport = transport
            made.extend([weakref.ref(self), weakref.ref(transport)])
            return self.reply

    listener = world.reactor.listen_tcp(Keeping, "127.0.0.1", 0, tls=world.server_context)
    sock = world.plain(listener.addresses[0])
    with no_collection():
        sock.send(b"GET /")
        assert received(world, sock) == b"this is TLS\n"
        sock.close()
        world.until(lambda: not world.reactor.stats.lingering)
        world.turns()
        assert [reference() for reference in made] == [None] * 2


@pytest.mark.parametrize("factory", [Failing, Ending])
def test_a_plaintext_reply_that_raises_is_reported(world: World, factory: Any) -> None:
    listener = world.reactor.listen_tcp(factory, "127.0.0.1", 0, tls=world.server_context)
    sock = world.plain(listener.addresses[0])
    sock.send(b"GET /")
    assert received(world, sock) == b""
    [complaint] = world.complaints
    assert complaint["message"] == "plaintext_reply failed:"  # type: ignore[index]
    world.complaints.clear()


def test_a_malformed_tls_record_is_answered_by_an_alert(world: World) -> None:
    listener = world.reactor.listen_tcp(Explaining, "127.0.0.1", 0, tls=world.server_context)
    sock = world.plain(listener.addresses[0])
    sock.send(b"\x16\x03\x01\x00\x05hello")
    assert received(world, sock).startswith(b"\x15\x03")


def test_our_client_sends_no_plaintext_reply_to_a_server_without_tls(world: World) -> None:
    ours, theirs = socket.socketpair()
    world.sockets.append(theirs)
    theirs.send(b"220 ready\r\n")
    theirs.setblocking(False)
    transport = world.reactor.connect_socket(
        Failing, ours, tls=world.client_context, server_hostname="localhost"
    )
    world.until(transport.is_closing)
    assert world.complaints == []  # plaintext_reply was not called


@pytest.mark.parametrize("leave", ["close", "reset"])
def test_a_client_that_leaves_in_the_middle_of_the_handshake(world: World, leave: str) -> None:
    client = world.plain(world.listen())
    client.send(b"\x16\x03\x01\x02\x00\x01")
    world.until(lambda: world.ends)
    world.turns()
    if leave == "reset":
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    world.until(lambda: world.reactor.stats.refused == 1)
    world.turns()
    assert world.reactor.stats.connections == 0
    assert len(world.reactor.timers) == 0
    assert world.ends[0].calls == []


def test_a_handshake_that_has_to_wait_for_room_to_write(world: World) -> None:
    class Stuck(ssl.SSLSocket):
        def do_handshake(self, block: bool = False) -> None:
            if not waits:
                waits.append(1)
                raise ssl.SSLWantWriteError
            super().do_handshake(block)

    waits: list[int] = []
    world.server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority = trustme.CA()
    authority.issue_cert("localhost").configure_cert(world.server_context)
    world.server_context.sslsocket_class = Stuck
    world.client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(world.client_context)
    client = world.client(world.listen())
    assert waits
    client.send(b"hello")
    world.until(lambda: world.ends[0].data == b"hello")


def test_a_handshake_may_finish_while_the_reactor_stops(world: World) -> None:
    address = world.listen()
    sock = world.plain(address)
    world.until(lambda: world.ends)
    world.turns()
    world.reactor.stop(grace=3600)
    client = world.client_context.wrap_socket(
        sock, server_hostname="localhost", do_handshake_on_connect=False
    )
    world.sockets.append(client)
    world.drive(client.do_handshake)
    world.reactor.run()
    assert world.ends[0].calls == ["connection_made", "connection_lost"]
    assert world.ended(client)


@pytest.mark.parametrize(("grace", "passed"), [(3600, STOPPING_HANDSHAKE_TIMEOUT), (0.5, 0.5)])
def test_a_stop_waits_a_second_for_a_handshake_within_the_grace(
    world: World, grace: float, passed: float
) -> None:
    sock = world.plain(world.listen())
    sock.send(b"\x16\x03\x01\x02\x00\x01")
    world.until(lambda: world.ends)
    world.turns()
    world.reactor.stop(grace=grace)
    world.now += passed - 0.1
    world.turns()
    assert world.reactor.stats.connections == 1
    world.now += 0.2
    world.reactor.run()
    assert world.ends[0].calls == []
    assert world.reactor.stats.connections == 0
    assert world.ended(sock)


def test_closing_the_reactor_ends_a_handshake(world: World) -> None:
    sock = world.plain(world.listen())
    world.until(lambda: world.ends)
    world.reactor.close()
    assert world.ended(sock)
    assert world.ends[0].calls == []


# -- connecting ------------------------------------------------------------------------------------


class Caller:
    """Both ends of one attempt to connect over TLS."""

    def __init__(self, world: World, context: ssl.SSLContext, **options: Any) -> None:
        self.end = Recorder()
        self.failures: list[Exception] = []
        host, port = world.listen()
        world.reactor.connect_tcp(
            lambda: self.end, host, port, tls=context, on_failure=self.failures.append, **options
        )
        world.until(lambda: self.end.made or self.failures)
        world.turns()


def test_connecting_over_tls(world: World) -> None:
    caller = Caller(world, world.client_context)  # the certificate is for 127.0.0.1 as well
    assert caller.failures == []
    caller.end.transport.write(b"hello")
    world.until(lambda: world.ends[0].data == b"hello")
    world.now += 3600
    world.turns()
    assert caller.end.lost == []


def test_an_untrusted_certificate_fails_once(world: World) -> None:
    caller = Caller(world, ssl.create_default_context())
    [failure] = caller.failures
    assert isinstance(failure, ssl.SSLCertVerificationError)
    assert caller.end.calls == []
    world.until(lambda: world.reactor.stats.connections == 0)
    world.now += 3600
    world.turns()
    assert len(caller.failures) == 1


def test_a_certificate_for_another_name_fails(world: World) -> None:
    caller = Caller(world, world.client_context, server_hostname="elsewhere.example")
    assert isinstance(caller.failures[0], ssl.SSLCertVerificationError)
    assert "elsewhere.example" in str(caller.failures[0])


def test_a_server_that_does_not_speak_tls_fails(world: World) -> None:
    class Plain(Recorder):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            transport.write(b"220 welcome\r\n")

    listener = world.reactor.listen_tcp(Plain, "127.0.0.1", 0)
    failures: list[Exception] = []
    world.reactor.connect_tcp(
        Recorder, *listener.addresses[0], tls=world.client_context, on_failure=failures.append
    )
    world.until(lambda: failures)
    assert isinstance(failures[0], ssl.SSLError)


def test_a_server_that_sends_nothing_fails_in_time(world: World) -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    world.sockets.append(silent)
    failures: list[Exception] = []
    world.reactor.connect_tcp(
        Recorder, *silent.getsockname(), tls=world.client_context, on_failure=failures.append
    )
    world.until(lambda: world.reactor.stats.connections == 1)
    world.now += HANDSHAKE_TIMEOUT
    world.until(lambda: failures)
    assert isinstance(failures[0], TimeoutError)
    assert str(failures[0]) == "no TLS handshake within 10 s"


def test_cancelling_in_the_middle_of_a_handshake(world: World) -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    world.sockets.append(silent)
    failures: list[Exception] = []
    connector = world.reactor.connect_tcp(
        Recorder, *silent.getsockname(), tls=world.client_context, on_failure=failures.append
    )
    world.until(lambda: world.reactor.stats.connections == 1)
    connector.cancel()
    world.until(lambda: world.reactor.stats.connections == 0)
    world.now += 3600
    world.turns()
    assert failures == []


def test_a_client_that_checks_names_needs_server_hostname(world: World) -> None:
    one, other = socket.socketpair()
    with one, other, pytest.raises(ValueError, match="server_hostname"):
        world.reactor.connect_socket(Recorder, one, tls=world.client_context)


def test_extra_info(world: World) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(client)
    server.set_alpn_protocols(["h2", "http/1.1"])
    client.set_alpn_protocols(["http/1.1"])
    world.server_context = server
    end = Caller(world, client).end
    info = end.transport.get_extra_info
    assert isinstance(end.transport, TLSTransport)
    assert info("alpn") == "http/1.1"
    assert info("sslcontext") is client
    assert info("ssl_object") is info("socket")
    assert isinstance(info("ssl_object"), ssl.SSLSocket)
    assert ("IP Address", "127.0.0.1") in info("peercert")["subjectAltName"]
    assert info("cipher")[1].startswith("TLS")
    assert info("peername") == world.ends[0].transport.get_extra_info("sockname")
    assert info("no such thing", "default") == "default"
    assert world.ends[0].transport.get_extra_info("alpn") == "http/1.1"


def test_extra_info_before_the_handshake(world: World) -> None:
    one, other = socket.socketpair()
    with other:
        early = TLSTransport(world.reactor, one, Recorder(), context=world.server_context)
        assert early.get_extra_info("sslcontext") is world.server_context
        assert early.get_extra_info("cipher", "none yet") == "none yet"
        assert early.get_extra_info("socket") is one
        assert early.get_protocol() is None
        one.close()


# -- data ------------------------------------------------------------------------------------------


def test_what_the_ssl_object_has_buffered_is_delivered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The poller does not report it, as nothing more comes over the socket."""
    monkeypatch.setattr(stream, "READ_SIZE", 1000)
    client = world.client(world.listen())
    client.send(bytes(16_000))  # one record
    world.until(lambda: len(world.ends[0].data) == 16_000)
    assert len(world.ends[0].pieces) == 16


def test_what_is_buffered_waits_while_reading_is_paused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "READ_SIZE", 1000)
    client = world.client(
        world.listen(data_received=lambda end, data: end.transport.pause_reading())
    )
    client.send(bytes(16_000))
    for times in range(1, 17):
        world.until(lambda: len(world.ends[0].pieces) == times)  # noqa: B023
        world.turns()
        assert len(world.ends[0].pieces) == times
        world.ends[0].transport.resume_reading()
    assert len(world.ends[0].data) == 16_000


def test_one_event_decrypts_a_bounded_amount(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "READ_SIZE", 1000)
    client = world.client(world.listen())
    client.send(bytes(16_000))
    world.until(lambda: world.ends[0].data)
    assert len(world.ends[0].data) < 16_000
    world.until(lambda: len(world.ends[0].data) == 16_000)


def test_data_right_after_the_handshake_is_delivered(world: World) -> None:
    address = world.listen()
    sock = world.plain(address)
    client = world.client_context.wrap_socket(
        sock, server_hostname="localhost", do_handshake_on_connect=False
    )
    world.sockets.append(client)
    world.drive(client.do_handshake)  # with TLS 1.3 the client is done before the server
    client.send(b"eager")
    world.until(lambda: world.ends and world.ends[0].data == b"eager")


def test_a_send_that_would_block_is_repeated_with_the_same_bytes(world: World) -> None:
    """OpenSSL must get at least the same bytes again, however much was queued since. Otherwise it
    fails with "bad length"."""
    client = world.client(world.listen())
    end = world.ends[0]
    end.transport.set_write_buffer_limits(high=1 << 20)
    end.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    written = 0

    def write(times: int) -> None:
        nonlocal written
        for number in range(times):
            end.transport.write(b"%9d\n" % (written // 10 + number))
        written += 10 * times

    while end.transport.get_write_buffer_size() == 0:
        write(5000)  # 50,000 bytes, which are joined
        world.reactor.run_once(0)
    write(5000)  # now there is more than is joined, in more pieces than go into one system call
    world.turns()
    received = bytearray()
    while len(received) < written:
        received += world.drive(client.recv, 65536)
    assert received == b"".join(b"%9d\n" % number for number in range(written // 10))
    assert end.lost == []


def test_there_are_no_half_closed_connections(world: World) -> None:
    world.client(world.listen())
    server = world.ends[0].transport
    assert not server.can_write_eof()
    with pytest.raises(NotImplementedError):
        server.write_eof()
    server.write(b"goes on")


# -- the end ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_a_normal_close_is_an_end_of_data(world: World, version: ssl.TLSVersion) -> None:
    world.client_context = context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = version
    client = world.client(world.listen())
    assert client.version() == ("TLSv1.2" if version == VERSIONS[0] else "TLSv1.3")
    client.send(b"goodbye")
    world.drive(client.unwrap)
    end = world.ends[0]
    world.until(lambda: end.lost)
    assert (end.data, end.eof, end.lost) == (b"goodbye", True, [None])


def test_the_peers_close_is_answered_after_all_that_was_queued(world: World) -> None:
    """The peer waits for our close_notify, to know that it has got everything."""
    answer = bytes(range(256)) * 4000
    address = world.listen(eof_received=lambda end: end.transport.write(answer))
    client = world.client(address)
    with pytest.raises(ssl.SSLWantReadError):
        client.unwrap()  # sends close_notify
    received = bytearray()
    while data := world.drive(read, client):
        received += data
    assert received == answer
    assert world.ends[0].lost == [None]


def read(client: ssl.SSLSocket) -> bytes:
    """``recv`` that returns b"" only after a close_notify."""
    try:
        return client.recv(65536)
    except ssl.SSLZeroReturnError:
        return b""


def test_our_close_is_an_end_of_data_for_the_peer(world: World) -> None:
    client = world.client(world.listen())
    world.ends[0].transport.write(b"goodbye")
    world.ends[0].transport.close()
    received = bytearray()
    while data := world.drive(read, client):
        received += data
    assert received == b"goodbye"


def test_an_end_without_close_notify_is_an_error(world: World) -> None:
    client = world.client(world.listen())
    client.send(b"half of what I wan")
    client.shutdown(socket.SHUT_WR)  # the plain socket's: no close_notify
    end = world.ends[0]
    world.until(lambda: end.lost)
    assert end.data == b"half of what I wan"
    assert not end.eof
    assert isinstance(end.lost[0], ConnectionResetError)
    assert "close_notify" in str(end.lost[0])


def test_garbage_instead_of_a_record_ends_the_connection(world: World) -> None:
    client = world.client(world.listen())
    plain = socket.socket(fileno=client.detach())
    world.sockets.append(plain)
    plain.send(b"this is no TLS record")
    end = world.ends[0]
    world.until(lambda: end.lost)
    assert isinstance(end.lost[0], ssl.SSLError)
    assert not end.eof


def test_a_peer_that_never_answers_close_notify_is_not_waited_for(world: World) -> None:
    world.client(world.listen())
    end = world.ends[0]
    end.transport.close()
    world.until(lambda: end.lost)
    assert end.lost == [None]
    assert world.reactor.stats.lingering == 1
    world.now += LINGER_TIMEOUT
    world.turns()
    assert world.reactor.stats.lingering == 0


def test_a_peer_that_sends_after_our_close_gets_all_we_sent(world: World) -> None:
    client = world.client(world.listen())
    client.send(bytes(16_000))
    world.ends[0].transport.write(b"enough")
    world.ends[0].transport.close()
    world.until(lambda: world.ends[0].lost)
    for _ in range(10):
        client.send(bytes(16_000))
        world.reactor.run_once(0)
    received = bytearray()
    while data := world.drive(read, client):
        received += data
    assert received == b"enough"
    client.close()
    world.until(lambda: world.reactor.stats.lingering == 0)


def test_a_peer_that_reads_nothing_cannot_delay_our_close_forever(world: World) -> None:
    world.client(world.listen())
    end = world.ends[0]
    while not end.paused:
        end.transport.write(bytes(65536))
        world.reactor.run_once(0)
    end.transport.close()
    world.turns()
    assert end.lost == []
    world.now += end.transport.close_timeout
    world.turns()
    assert isinstance(end.lost[0], TimeoutError)


def test_an_abort_sends_no_close_notify(world: World) -> None:
    client = world.client(world.listen())
    world.ends[0].transport.abort()
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        world.drive(read, client)


# -- writing before the handshake is done ----------------------------------------------------------


class Early:
    """A client that writes at once, to a server whose handshake waits for the test."""

    def __init__(self, world: World, *pieces: bytes) -> None:
        self.end = Recorder()
        world.ends.append(self.end)
        ours, theirs = socket.socketpair()
        self.transport = world.reactor.connect_socket(
            lambda: self.end, ours, tls=world.client_context, server_hostname="localhost"
        )
        for piece in pieces:
            self.transport.write(piece)
        world.turns()
        theirs.setblocking(False)
        self.server = world.server_context.wrap_socket(
            theirs, server_side=True, do_handshake_on_connect=False
        )
        world.sockets.append(self.server)


def test_what_is_written_before_the_handshake_is_sent_after_it(world: World) -> None:
    early = Early(world, b"early ", b"bird")
    assert early.end.calls == []
    world.drive(early.server.do_handshake)
    assert world.drive(early.server.recv, 100) == b"early bird"
    assert early.end.calls == ["connection_made"]


def test_a_client_that_writes_early_does_not_make_the_loop_spin(world: World) -> None:
    early = Early(world, b"early")
    turns_before = world.reactor.stats.turns
    world.reactor.call_later(0.05, lambda: None)
    world.reactor.run_once()
    assert world.reactor.stats.turns == turns_before + 1
    assert early.end.calls == []


def test_much_that_is_written_early_pauses_after_the_handshake(world: World) -> None:
    size = 8_000_000
    early = Early(world)
    early.transport.max_write_buffer = size
    early.transport.write(bytes(size))
    assert early.end.calls == []
    world.drive(early.server.do_handshake)
    world.until(lambda: early.end.paused)
    assert early.end.calls == ["connection_made", "pause_writing"]
    read = 0
    while read < size:
        read += len(world.drive(early.server.recv, 65536))
    world.until(lambda: not early.end.paused)


def test_too_much_that_is_written_early_ends_the_connection(world: World) -> None:
    early = Early(world)
    early.transport.write(bytes(2_000_000))
    world.turns()
    assert early.transport.is_closing()
    assert early.end.calls == []  # connection_made was never called


def test_a_close_right_after_an_early_write_sends_it_first(world: World) -> None:
    early = Early(world, b"early")
    early.transport.close()
    world.turns()
    assert early.end.calls == []
    world.drive(early.server.do_handshake)
    assert world.drive(early.server.recv, 100) == b"early"
    world.until(lambda: early.end.lost)
    assert early.end.calls == ["connection_made", "connection_lost"]
    assert early.end.lost == [None]


def test_a_stop_sends_what_was_written_early(world: World) -> None:
    early = Early(world, b"early")
    world.reactor.stop(5.0)
    world.turns()
    assert early.end.calls == []
    world.drive(early.server.do_handshake)
    assert world.drive(early.server.recv, 100) == b"early"
    world.until(lambda: early.end.lost)
    assert early.end.calls == ["connection_made", "connection_lost"]


def test_pausing_reading_before_the_handshake_does_not_stop_the_handshake(world: World) -> None:
    early = Early(world)
    early.transport.pause_reading()
    world.turns()
    assert not early.transport.is_reading()
    world.drive(early.server.do_handshake)
    world.until(lambda: early.end.made)
    early.server.send(b"waits")
    world.turns()
    assert early.end.data == b""
    early.transport.resume_reading()
    world.until(lambda: early.end.data == b"waits")


def test_a_protocol_set_before_the_handshake_gets_the_connection(world: World) -> None:
    early = Early(world)
    other = Recorder()
    world.ends.append(other)
    early.transport.set_protocol(other)
    world.drive(early.server.do_handshake)
    world.until(lambda: other.made)
    assert early.end.calls == []


def test_a_protocol_set_before_a_handshake_that_fails_is_not_called(world: World) -> None:
    early = Early(world)
    early.transport.set_protocol(early.end)
    early.server.close()
    world.until(early.transport.is_closing)
    world.turns()
    assert early.end.calls == []
