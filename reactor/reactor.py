"""Reactor: the loop, and the methods that open things on it: listeners, connections, datagram
sockets, pipes, calls in threads.

Each method names all its options, with types and defaults, so that ``help()`` and editors show
them. ``Listener`` documents those of ``listen_…``."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from . import debug as debug_mode
from .loop import Loop
from .observed_loop import add_observer, remove_observer
from .observer import Observer
from .sockets.binding import KeepAlive, bind_inet, bind_unix, listen_all, prepare, unlink_later
from .sockets.connector import CONNECT_TIMEOUT, Connector, FailureCallback
from .sockets.listener import BACKLOG, Listener, ProtocolFactory
from .sockets.udp_fallback import FallbackTransport
from .threads import ThreadCall, ThreadPool
from .transports.callbacks import AnyDatagramProtocol
from .transports.datagram import DatagramTransport
from .transports.pipes import PipeEnd, PipeTransport
from .transports.stream import StreamTransport
from .transports.tls import tls_transport

T = TypeVar("T")

DatagramFactory = Callable[[], AnyDatagramProtocol]


class Reactor(Loop):
    """An event loop, and the methods that open listeners, connections and threads on it. See
    ``Loop`` for its other parameters, and for running and stopping it.

    ``max_threads``: threads for ``run_in_thread``. Names are resolved in four other threads, so
    that slow calls cannot delay connecting (cpython gh-112169). ``debug``: whether to check how the
    reactor is used, which costs time (``reactor.debug``); with None, ``REACTOR_DEBUG`` and ``python
    -X dev`` decide."""

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
        one port for all of them; see ``Listener.addresses``. ``tls``: a server's context. See
        ``Listener`` for ``max_connections``, ``max_connections_per_address`` and ``keepalive``.
        ``backlog``: connections that the system may hold until they are accepted. ``reuse_port``:
        let other sockets with this option listen on the same port. Raises ``OSError`` if the
        address is in use or is not this machine's."""
        self.check_open()
        sockets = bind_inet(host, port, socket.SOCK_STREAM, reuse_port=reuse_port)
        listen_all(sockets, backlog)
        return Listener(
            self,
            protocol_factory,
            sockets,
            make_transport=_transport_factory(tls),
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
        """Accept connections on a Unix socket at ``path``, with the file permissions ``mode``; None
        leaves them to the umask. Closing removes the file. The other options and errors are those
        of ``listen_tcp``."""
        self.check_open()
        sock = bind_unix(path, socket.SOCK_STREAM, mode)
        listen_all([sock], backlog)
        return Listener(
            self,
            protocol_factory,
            [sock],
            make_transport=_transport_factory(tls),
            max_connections=max_connections,
            unix_path=path,
        )

    def listen_sockets(
        self,
        protocol_factory: ProtocolFactory,
        sockets: Sequence[socket.socket],
        *,
        tls: ssl.SSLContext | None = None,
        max_connections: int | None = None,
        max_connections_per_address: int | None = None,
        exempt: Callable[[str], bool] | None = None,
        keepalive: KeepAlive | None = None,
        shared: bool = False,
    ) -> Listener:
        """Accept connections on stream sockets that are bound and listening already. The listener
        owns them from now on. See ``Listener`` for the options; the limits are for all sockets
        together. Raises ``OSError`` or ``ValueError`` if the poller cannot watch them."""
        self.check_open()
        for sock in sockets:
            sock.setblocking(False)
        return Listener(
            self,
            protocol_factory,
            sockets,
            make_transport=_transport_factory(tls),
            max_connections=max_connections,
            max_connections_per_address=max_connections_per_address,
            exempt=exempt,
            keepalive=keepalive,
            shared=shared,
        )

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
        """Connect; ``protocol_factory()`` makes the protocol once the connection is established.

        A name is resolved in a thread, and its addresses are tried one after another. A numeric
        address, for IPv6 also with a scope (``fe80::1%eth0``), is tried at once. If none answers
        within ``timeout`` seconds in all, ``on_failure(exc)`` is called, once; without
        ``on_failure`` the failure is logged. ``tls``: a client's context; ``server_hostname`` is
        the name that the certificate must be for, ``host`` by default. ``local_addr``: host and
        port to connect from. ``keepalive``: see ``KeepAlive``; None for none."""
        self.check_open()
        connector = Connector(
            self,
            protocol_factory,
            on_failure,
            target=f"{host}:{port}",
            timeout=timeout,
            local_addr=local_addr,
            keepalive=keepalive,
            make_transport=_transport_factory(tls, server_hostname or host),
        )
        connector.resolve(self.resolver, host, port)
        return connector

    def connect_unix(
        self,
        protocol_factory: ProtocolFactory,
        path: str,
        *,
        on_failure: FailureCallback | None = None,
        timeout: float = CONNECT_TIMEOUT,
    ) -> Connector:
        """Connect to the Unix socket at ``path``. ``on_failure`` and ``timeout`` as for
        ``connect_tcp``."""
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
        The reactor owns it from now on, unless this raises: ``OSError`` if it is not connected,
        ``ValueError`` if the poller cannot watch it.

        ``tls``: a server's context, or a client's with ``server_hostname``."""
        self.check_open()
        prepare(sock)
        make_transport = _transport_factory(tls, server_hostname)
        transport = make_transport(self, sock, protocol_factory(), sock.getpeername() or None, None)
        transport.start()
        return transport

    def connect_read_pipe(self, protocol_factory: ProtocolFactory, pipe: Any) -> StreamTransport:
        """Read from a pipe, a terminal or a file: an open file object, or a descriptor. Closing the
        transport closes ``pipe``. Raises ``OSError`` if it is not open, ``ValueError`` if the
        poller cannot watch it."""
        self.check_open()
        return self._pipe(protocol_factory, PipeEnd(pipe, writing=False))

    def connect_write_pipe(self, protocol_factory: ProtocolFactory, pipe: Any) -> StreamTransport:
        """Write to a pipe, a terminal or a file, as ``connect_read_pipe`` reads from it. The
        descriptor becomes non-blocking."""
        self.check_open()
        return self._pipe(protocol_factory, PipeEnd(pipe, writing=True))

    def _pipe(self, protocol_factory: ProtocolFactory, end: PipeEnd) -> StreamTransport:
        transport = PipeTransport(self, end, protocol_factory())
        transport.start()
        if end.writing:
            transport.pause_reading()  # HANGUP and ERROR are still reported
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
        """Receive UDP datagrams. Returns one transport, with a protocol of its own, for each
        address of ``host``.

        ``host``, ``port``, ``reuse_port`` and errors as for ``listen_tcp``. On a socket bound to
        all addresses, protocols get a ``PeerAddress``, and what they send to it is sent from the
        address that the peer sent to. That works for IPv6, and on Linux for IPv4; other systems
        choose the source address by the route."""
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
        """Open a UDP socket that exchanges datagrams with one peer only. Names are resolved in a
        thread.

        ``connection_made`` means only that there is a route to the peer. If the name has several
        addresses, and one refuses before it has sent anything, the next one is tried, and what was
        sent so far (at most 64 datagrams and 64 KiB) is sent to it. When the last one refuses,
        ``error_received`` is called. ``on_failure``, ``timeout`` and ``local_addr`` are as for
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
        connector.resolve(self.resolver, host, port)
        return connector

    def listen_unix_datagram(
        self, protocol_factory: DatagramFactory, path: str, *, mode: int | None = None
    ) -> DatagramTransport:
        """Receive datagrams on a Unix socket at ``path``, with the file permissions ``mode``; None
        leaves them to the umask. Closing removes the file. Raises ``OSError``."""
        self.check_open()
        return self._datagram(
            protocol_factory, bind_unix(path, socket.SOCK_DGRAM, mode), unlink=path
        )

    def connect_unix_datagram(
        self, protocol_factory: DatagramFactory, path: str, *, local_path: str | None = None
    ) -> DatagramTransport:
        """Exchange datagrams with the Unix socket at ``path``. Answers need ``local_path``: our
        end's socket file, which closing removes. Raises ``OSError``."""
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
        except BaseException:  # the factory failed, or the poller cannot watch the descriptor
            sock.close()
            if on_lost is not None:
                on_lost()
            raise
        return transport

    # -- threads -----------------------------------------------------------------------------------

    def run_in_thread(self, function: Callable[..., T], *args: Any) -> ThreadCall[T]:
        """Run ``function(*args)`` in a worker thread. Use ``add_done_callback`` of the returned
        ``ThreadCall`` to get its result in the loop.

        A stopping reactor waits for the call, within its grace. Raises ``queue.Full`` when too many
        calls wait for a thread."""
        return self._threads.submit(function, *args)

    # -- observing ---------------------------------------------------------------------------------

    def add_observer(self, observer: Observer) -> None:
        """Let ``observer`` watch this loop from the next turn on, until ``remove_observer``. Has no
        effect if it does already. From another thread:
        ``reactor.call_soon_threadsafe(reactor.add_observer, observer)``."""
        self.check_open()
        add_observer(self, observer)

    def remove_observer(self, observer: Observer) -> None:
        """Let ``observer`` watch no longer. Has no effect if it does not. After the last one, the
        loop is as fast as before."""
        remove_observer(self, observer)

    def close(self) -> None:
        try:
            super().close()
        finally:
            if self.is_closed():  # otherwise closing was refused
                self.resolver.close()
                self._threads.close()


def _transport_factory(
    tls: ssl.SSLContext | None, server_hostname: str | None = None
) -> Callable[..., StreamTransport]:
    return StreamTransport if tls is None else tls_transport(tls, server_hostname)
