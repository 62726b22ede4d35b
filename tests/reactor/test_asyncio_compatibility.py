"""Protocols written for asyncio run here unchanged.

The classes below are the examples of the standard library's documentation ("Transports and
Protocols", the sections "TCP Echo Server" to "UDP Echo Client"). Each test runs servers and clients
on both loops and expects the same results."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

from reactor import Reactor

from ..tools.waiting import TIMEOUT, until


class EchoServerProtocol(asyncio.Protocol):
    def connection_made(self, transport):
        peername = transport.get_extra_info("peername")
        print(f"Connection from {peername}")
        self.transport = transport

    def data_received(self, data):
        message = data.decode()
        print(f"Data received: {message!r}")

        print(f"Send: {message!r}")
        self.transport.write(data)

        print("Close the client socket")
        self.transport.close()


class EchoClientProtocol(asyncio.Protocol):
    def __init__(self, message, on_con_lost):
        self.message = message
        self.on_con_lost = on_con_lost

    def connection_made(self, transport):
        transport.write(self.message.encode())
        print(f"Data sent: {self.message!r}")

    def data_received(self, data):
        print(f"Data received: {data.decode()!r}")

    def connection_lost(self, exc):
        print("The server closed the connection")
        self.on_con_lost.set_result(True)


class EchoServerDatagramProtocol(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        message = data.decode()
        print(f"Received {message!r} from {addr}")
        print(f"Send {message!r} to {addr}")
        self.transport.sendto(data, addr)


class EchoClientDatagramProtocol(asyncio.DatagramProtocol):
    def __init__(self, message, on_con_lost):
        self.message = message
        self.on_con_lost = on_con_lost
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport
        print("Send:", self.message)
        self.transport.sendto(self.message.encode())

    def datagram_received(self, data, addr):
        print("Received:", data.decode())

        print("Close the socket")
        self.transport.close()

    def error_received(self, exc):
        print("Error received:", exc)

    def connection_lost(self, exc):
        print("Connection closed")
        self.on_con_lost.set_result(True)


class Done:
    """What the examples need of a future."""

    result: object = None

    def set_result(self, result: object) -> None:
        assert self.result is None
        self.result = result


Factory = Callable[[], Any]
ClientFactory = Callable[[Any], Any]


def on_asyncio(kind: str, server_factory: Factory, client_factory: ClientFactory) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        on_con_lost = loop.create_future()
        if kind == "tcp":
            server = await loop.create_server(server_factory, "127.0.0.1", 0)
            address = server.sockets[0].getsockname()
            await loop.create_connection(lambda: client_factory(on_con_lost), *address)
        else:
            server, _ = await loop.create_datagram_endpoint(
                server_factory, local_addr=("127.0.0.1", 0)
            )
            await loop.create_datagram_endpoint(
                lambda: client_factory(on_con_lost), remote_addr=server.get_extra_info("sockname")
            )
        assert await asyncio.wait_for(on_con_lost, TIMEOUT) is True
        server.close()

    asyncio.run(main())


def on_the_reactor(kind: str, server_factory: Factory, client_factory: ClientFactory) -> None:
    complaints: list[dict[str, Any]] = []
    with Reactor() as reactor:
        reactor.set_exception_handler(lambda _, context: complaints.append(context))
        on_con_lost = Done()
        if kind == "tcp":
            address = reactor.listen_tcp(server_factory, "127.0.0.1", 0).addresses[0]
            reactor.connect_tcp(lambda: client_factory(on_con_lost), *address)
        else:
            [server] = reactor.listen_udp(server_factory, "127.0.0.1", 0)
            address = server.get_extra_info("sockname")
            reactor.connect_udp(lambda: client_factory(on_con_lost), *address)
        until(reactor, lambda: on_con_lost.result)
        assert on_con_lost.result is True
    assert complaints == []


LOOPS = [on_asyncio, on_the_reactor]
Run = Callable[[str, Factory, ClientFactory], None]


@pytest.mark.parametrize("run", LOOPS)
def test_the_tcp_echo_of_the_documentation(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run("tcp", EchoServerProtocol, lambda done: EchoClientProtocol("Hello World!", done))
    printed = capsys.readouterr().out.splitlines()
    connection = [line for line in printed if line.startswith("Connection from ('127.0.0.1', ")]
    assert len(connection) == 1
    # The lines of the two sides may be mixed in any order, but each side's are in this order.
    server = ["Data received: 'Hello World!'", "Send: 'Hello World!'", "Close the client socket"]
    client = [
        "Data sent: 'Hello World!'",
        "Data received: 'Hello World!'",
        "The server closed the connection",
    ]
    assert sorted(printed) == sorted(connection + server + client)
    assert [line for line in printed if line in server[1:]] == server[1:]
    assert printed.index(client[0]) < printed.index(client[1]) < printed.index(client[2])


@pytest.mark.parametrize("run", LOOPS)
def test_the_udp_echo_of_the_documentation(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run(
        "udp",
        EchoServerDatagramProtocol,
        lambda done: EchoClientDatagramProtocol("Hello World!", done),
    )
    printed = capsys.readouterr().out.splitlines()
    assert [line.split(" ('127.0.0.1'")[0] for line in printed] == [
        "Send: Hello World!",
        "Received 'Hello World!' from",
        "Send 'Hello World!' to",
        "Received: Hello World!",
        "Close the socket",
        "Connection closed",
    ]


class Everything(asyncio.Protocol):
    """Uses every method of a transport that both loops have."""

    def __init__(self, log: list[object]) -> None:
        self.log = log

    def connection_made(self, transport):
        self.transport = transport
        self.log.append(transport.is_closing())
        self.log.append(transport.get_write_buffer_limits())
        transport.set_write_buffer_limits(high=10_000, low=10)
        self.log.append(transport.get_write_buffer_limits())
        self.log.append(transport.can_write_eof())
        self.log.append(isinstance(transport.get_extra_info("socket").fileno(), int))
        self.log.append(transport.get_extra_info("peername")[0])
        self.log.append(transport.get_extra_info("nothing", "default"))
        self.log.append(transport.get_protocol() is self)
        self.log.append(transport.is_reading())
        transport.pause_reading()
        self.log.append(transport.is_reading())
        transport.resume_reading()
        transport.writelines([b"write", bytearray(b"lines"), memoryview(b"...")])
        transport.write(bytearray(b"and write"))
        transport.write(b"")
        transport.write_eof()
        for wrong in (lambda: transport.write(b"more"), lambda: transport.write("text")):
            try:
                wrong()
            except (RuntimeError, TypeError) as exc:
                self.log.append(type(exc))

    def data_received(self, data):
        self.log.append(bytes(data))

    def eof_received(self):
        self.log.append("eof_received")

    def connection_lost(self, exc):
        self.log += ["connection_lost", exc, self.transport.is_closing()]
        self.transport.close()
        self.transport.abort()


class Answer(asyncio.Protocol):
    """Collects what it receives, and answers at the end, on the half-closed connection."""

    def connection_made(self, transport):
        self.transport = transport
        self.received = b""

    def data_received(self, data):
        self.received += data

    def eof_received(self):
        self.transport.write(self.received.upper())
        self.transport.close()
        return True


@pytest.mark.parametrize("run", LOOPS)
def test_the_methods_of_transports_do_the_same(run: Run) -> None:
    log: list[object] = []

    def make(done: Any) -> Everything:
        protocol = Everything(log)
        lost = protocol.connection_lost

        def connection_lost(exc: Exception | None) -> None:
            lost(exc)
            done.set_result(True)

        protocol.connection_lost = connection_lost  # type: ignore[method-assign]
        return protocol

    run("tcp", Answer, make)
    assert log == [
        False,
        (16384, 65536),
        (10, 10_000),
        True,
        True,
        "127.0.0.1",
        "default",
        True,
        True,
        False,
        RuntimeError,
        TypeError,
        b"WRITELINES...AND WRITE",
        "eof_received",
        "connection_lost",
        None,
        True,
    ]


class Flood(asyncio.Protocol):
    """Respects flow control, and counts."""

    def __init__(self, log: list[str], done: Any) -> None:
        self.log = log
        self.done = done
        self.left = 5_000_000

    def connection_made(self, transport):
        self.transport = transport
        self.paused = False
        self.produce()

    def produce(self):
        while self.left and not self.paused:
            self.transport.write(bytes(50_000))
            self.left -= 50_000
        if not self.left:
            self.transport.close()

    def pause_writing(self):
        self.paused = True
        self.log.append("pause")

    def resume_writing(self):
        self.paused = False
        self.log.append("resume")
        self.produce()

    def connection_lost(self, exc):
        self.done.set_result(True)


class Count(asyncio.Protocol):
    total = 0

    def data_received(self, data):
        Count.total += len(data)


@pytest.mark.parametrize("run", LOOPS)
def test_flow_control_works_the_same(run: Run) -> None:
    Count.total = 0
    log: list[str] = []

    class Small(Flood):
        def connection_made(self, transport):
            sock = transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 10_000)
            super().connection_made(transport)

    run("tcp", Count, lambda done: Small(log, done))
    assert log[:2] == ["pause", "resume"]
    assert log.count("pause") - log.count("resume") in (0, 1)


class Broken(asyncio.Protocol):
    def data_received(self, data):
        raise LookupError("no such entry")


def test_an_asyncio_protocol_that_raises_loses_its_connection() -> None:
    complaints: list[dict[str, Any]] = []
    with Reactor() as reactor:
        reactor.set_exception_handler(lambda _, context: complaints.append(context))
        address = reactor.listen_tcp(Broken, "127.0.0.1", 0).addresses[0]
        done = Done()
        reactor.connect_tcp(lambda: EchoClientProtocol("Hello", done), *address)
        until(reactor, lambda: done.result)
    assert [str(context["exception"]) for context in complaints] == ["no such entry"]
