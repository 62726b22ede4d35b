"""Reactor: the loop, and all that can be opened on it: listeners, connections, datagram sockets,
pipes, threads."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from . import debug as debug_mode
from .loop import Loop
from .sockets.binding import KeepAlive, bind_inet, bind_unix, listen_all, prepare, unlink_later
from .sockets.connector import CONNECT_TIMEOUT, Connector, FailureCallback
from .sockets.fallback import FallbackTransport
from .sockets.listener import BACKLOG, Listener, ProtocolFactory
from .threads import ThreadCall, ThreadPool
from .transports.callbacks import AnyDatagramProtocol
from .transports.datagram import DatagramTransport
from .transports.pipes import PipeEnd, PipeTransport
from .transports.stream import StreamTransport
from .transports.tls import tls_transport

T = TypeVar("T")

DatagramFactory = Callable[[], AnyDatagramProtocol]


class Reactor(Loop):
    """An event loop with all that can be opened on it. See ``Loop`` for its parameters and its
    life.

    ``max_threads``: threads of ``run_in_thread``. Names are resolved in four threads of their own,
    so that slow calls cannot hold up connections (cpython gh-112169). ``debug``: whether to watch
    how the reactor is used, at some cost (``reactor.debug``); None asks ``REACTOR_DEBUG`` and
    ``python -X dev``."""

    def __init__(
        self, *, max_threads: int = 8, debug: bool | None = None, **loop_options: Any
    ) -> None:
        watched = debug_mode.is_wanted() if debug is None else debug
        if watched:
            debug_mode.enable(self)
        super().__init__(**loop_options)
        if watched:
            debug_mode.watch_timers(self)
        self.resolver = ThreadPool(self, 4, "resolver")
        self._threads = ThreadPool(self, max_threads, "worker")

    # -- listening ---------------------------------------------------------------------------------

    def listen_tcp(
        self,
        protocol_factory: ProtocolFactory,
        host: str | None,
        port: int,
        *,
        tls: ssl.SSLContext | None = None,
        max_connections: int | None = None,
        max_connections_per_address: int | None = None,
        keepalive: KeepAlive | None = None,
        backlog: int = BACKLOG,
        reuse_port: bool = False,
    ) -> Listener:
        """Accept TCP connections; ``protocol_factory()`` makes a protocol for each.

        ``host`` None or "" listens on all addresses, IPv4 and IPv6. With port 0 the system chooses
        one, the same for all of them; see ``Listener.addresses``. At ``max_connections`` accepting
        pauses; for ``max_connections_per_address`` see ``Listener``. Raises ``OSError``: the
        address is in use, or not ours."""
        self.check_open()
        sockets = bind_inet(host, port, socket.SOCK_STREAM, reuse_port=reuse_port)
        listen_all(sockets, backlog)
        return self._listener(
            protocol_factory,
            sockets,
            tls,
            max_connections=max_connections,
            max_connections_per_address=max_connections_per_address,
            keepalive=keepalive,
        )

    def listen_unix(
        self,
        protocol_factory: ProtocolFactory,
        path: str,
        *,
        mode: int | None = None,
        tls: ssl.SSLContext | None = None,
        max_connections: int | None = None,
        backlog: int = BACKLOG,
    ) -> Listener:
        """Accept connections on a Unix socket at ``path``, with the file permissions ``mode``.
        Closing removes the file."""
        self.check_open()
        sock = bind_unix(path, socket.SOCK_STREAM, mode)
        listen_all([sock], backlog)
        return self._listener(
            protocol_factory, [sock], tls, max_connections=max_connections, unix_path=path
        )

    def listen_socket(
        self,
        protocol_factory: ProtocolFactory,
        sock: socket.socket,
        *,
        tls: ssl.SSLContext | None = None,
        max_connections: int | None = None,
        max_connections_per_address: int | None = None,
        exempt: Callable[[str], bool] | None = None,
        keepalive: KeepAlive | None = None,
        shared: bool = False,
    ) -> Listener:
        """Accept connections on a stream socket that is bound and listening already. It is ours
        from now on. See ``Listener`` for the options."""
        return self.listen_sockets(
            protocol_factory,
            [sock],
            tls=tls,
            max_connections=max_connections,
            max_connections_per_address=max_connections_per_address,
            exempt=exempt,
            keepalive=keepalive,
            shared=shared,
        )

    def listen_sockets(
        self,
        protocol_factory: ProtocolFactory,
        sockets: Sequence[socket.socket],
        *,
        tls: ssl.SSLContext | None = None,
        **options: Any,
    ) -> Listener:
        """``listen_socket`` for several, with one count of connections: its options are the
        same."""
        self.check_open()
        for sock in sockets:
            sock.setblocking(False)
        return self._listener(protocol_factory, list(sockets), tls, **options)

    def _listener(
        self,
        factory: ProtocolFactory,
        sockets: list[socket.socket],
        tls: ssl.SSLContext | None,
        **options: Any,
    ) -> Listener:
        make_transport = StreamTransport if tls is None else tls_transport(tls)
        try:
            return Listener(self, factory, sockets, make_transport=make_transport, **options)
        except (OSError, ValueError):  # the poller cannot watch them
            for sock in sockets:
                sock.close()
            raise

    # -- connecting --------------------------------------------------------------------------------

    def connect_tcp(
        self,
        protocol_factory: ProtocolFactory,
        host: str,
        port: int,
        *,
        on_failure: FailureCallback | None = None,
        timeout: float = CONNECT_TIMEOUT,
        tls: ssl.SSLContext | None = None,
        server_hostname: str | None = None,
        local_addr: tuple[str, int] | None = None,
        keepalive: KeepAlive | None = None,
    ) -> Connector:
        """Connect; ``protocol_factory()`` makes the protocol once the connection stands.

        Names are resolved in a thread, and each address is tried; what is an address already (with
        IPv6 also with a scope, ``fe80::1%eth0``) is tried at once. If none answers within
        ``timeout`` seconds in all, ``on_failure(exc)`` is called, once; without it the failure is
        logged. ``server_hostname`` (default: ``host``) is what the TLS certificate must be for."""
        self.check_open()
        connector = Connector(
            self,
            protocol_factory,
            on_failure,
            target=f"{host}:{port}",
            timeout=timeout,
            local_addr=local_addr,
            keepalive=keepalive,
            make_transport=StreamTransport
            if tls is None
            else tls_transport(tls, server_hostname or host),
        )
        connector.resolve(host, port)
        return connector

    def connect_unix(
        self,
        protocol_factory: ProtocolFactory,
        path: str,
        *,
        on_failure: FailureCallback | None = None,
        timeout: float = CONNECT_TIMEOUT,
    ) -> Connector:
        """Connect to the Unix socket at ``path``. Failure is reported as for ``connect_tcp``."""
        self.check_open()
        connector = Connector(self, protocol_factory, on_failure, target=path, timeout=timeout)
        connector.try_addresses([(socket.AF_UNIX, path)])
        return connector

    def connect_socket(
        self,
        protocol_factory: ProtocolFactory,
        sock: socket.socket,
        *,
        tls: ssl.SSLContext | None = None,
        server_hostname: str | None = None,
    ) -> StreamTransport:
        """Serve a stream socket that is connected already, one end of a ``socketpair`` for example.
        It is ours from now on, unless this raises: ``OSError`` if it is not connected,
        ``ValueError`` if the poller cannot watch it.

        ``tls`` may be a server's context, or a client's with ``server_hostname``."""
        self.check_open()
        prepare(sock)
        make_transport = StreamTransport if tls is None else tls_transport(tls, server_hostname)
        transport = make_transport(self, sock, protocol_factory(), sock.getpeername() or None, None)
        transport.start()
        return transport

    def connect_read_pipe(self, protocol_factory: ProtocolFactory, pipe: Any) -> StreamTransport:
        """Read from a pipe, a terminal or a file: an open file object, or a descriptor. Closing the
        transport closes it."""
        self.check_open()
        return self._pipe(protocol_factory, PipeEnd(pipe, writing=False))

    def connect_write_pipe(self, protocol_factory: ProtocolFactory, pipe: Any) -> StreamTransport:
        """Write to a pipe, a terminal or a file. The descriptor becomes non-blocking."""
        self.check_open()
        return self._pipe(protocol_factory, PipeEnd(pipe, writing=True))

    def _pipe(self, protocol_factory: ProtocolFactory, end: PipeEnd) -> StreamTransport:
        transport = PipeTransport(self, end, protocol_factory())
        transport.start()
        if end.writing:
            transport.pause_reading()  # its HANGUP and ERROR still come
        return transport

    # -- datagrams ---------------------------------------------------------------------------------

    def listen_udp(
        self,
        protocol_factory: DatagramFactory,
        host: str | None,
        port: int,
        *,
        reuse_port: bool = False,
    ) -> list[DatagramTransport]:
        """Receive UDP datagrams. Returns a transport, each with a protocol of its own, per address
        that ``host`` names.

        ``host`` and ``port`` as for ``listen_tcp``. On a socket bound to all addresses, protocols
        get a ``PeerAddress``, and what they send to it goes out from the address that the peer
        asked: for IPv6, and on Linux for IPv4; other systems choose by the route. Raises
        ``OSError``.
        """
        self.check_open()
        sockets = bind_inet(host, port, socket.SOCK_DGRAM, reuse_port=reuse_port)
        transports: list[DatagramTransport] = []
        try:
            for sock in sockets:
                transports.append(self._datagram(protocol_factory, sock))  # noqa: PERF401
        except BaseException:
            for transport in transports:
                transport.abort()
            for sock in sockets[len(transports) :]:
                sock.close()
            raise
        return transports

    def connect_udp(
        self,
        protocol_factory: DatagramFactory,
        host: str,
        port: int,
        *,
        on_failure: FailureCallback | None = None,
        timeout: float = CONNECT_TIMEOUT,
        local_addr: tuple[str, int] | None = None,
    ) -> Connector:
        """A UDP socket that exchanges datagrams with one peer only. Names are resolved in a thread.

        ``connection_made`` says only that there is a way to the peer. If a name has several
        addresses, and one refuses before anything was heard from it, the next one is tried, and
        what was sent so far (64 datagrams and 64 KiB at most) is sent there; when the last one
        refuses, ``error_received`` is called. ``on_failure`` and ``timeout`` as for
        ``connect_tcp``."""

        def make_transport(*arguments: Any) -> FallbackTransport:
            return FallbackTransport(connector.next_socket, *arguments)

        self.check_open()
        connector = Connector(
            self,
            protocol_factory,
            on_failure,
            target=f"{host}:{port}",
            timeout=timeout,
            kind=socket.SOCK_DGRAM,
            local_addr=local_addr,
            make_transport=make_transport,
        )
        connector.resolve(host, port)
        return connector

    def listen_unix_datagram(
        self, protocol_factory: DatagramFactory, path: str, *, mode: int | None = None
    ) -> DatagramTransport:
        """Receive datagrams on a Unix socket at ``path``. Closing removes the file. Raises
        ``OSError``."""
        self.check_open()
        return self._datagram(
            protocol_factory, bind_unix(path, socket.SOCK_DGRAM, mode), unlink=path
        )

    def connect_unix_datagram(
        self, protocol_factory: DatagramFactory, path: str, *, local_path: str | None = None
    ) -> DatagramTransport:
        """Exchange datagrams with the Unix socket at ``path``; ``local_path`` names our end, where
        answers are wanted."""
        self.check_open()
        if local_path is None:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        else:
            sock = bind_unix(local_path, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.connect(path)
        except OSError:
            sock.close()
            if local_path is not None:
                os.unlink(local_path)
            raise
        return self._datagram(protocol_factory, sock, peername=path, unlink=local_path)

    def _datagram(
        self,
        factory: DatagramFactory,
        sock: socket.socket,
        *,
        peername: Any = None,
        unlink: str | None = None,
    ) -> DatagramTransport:
        on_lost = None if unlink is None else unlink_later(unlink)
        try:
            transport = DatagramTransport(self, sock, factory(), peername, on_lost)
            transport.start()
        except BaseException:  # of the factory; or the poller cannot watch the descriptor
            sock.close()
            if on_lost is not None:
                on_lost()
            raise
        return transport

    # -- threads -----------------------------------------------------------------------------------

    def run_in_thread(self, function: Callable[..., T], *args: Any) -> ThreadCall[T]:
        """Run ``function(*args)`` in a worker thread. ``add_done_callback`` of what is returned
        tells the loop of its end.

        A stopping reactor waits for it within its grace. Raises ``queue.Full`` when too many calls
        wait for a thread."""
        return self._threads.submit(function, *args)

    def close(self) -> None:
        try:
            super().close()
        finally:
            if self.is_closed():  # else it was refused
                self.resolver.close()
                self._threads.close()
