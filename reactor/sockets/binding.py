"""Making sockets: bound to addresses, non-blocking, and with the options that each kind needs."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from .wildcard import udp_socket

_PORT_ATTEMPTS: Final = 10

# Bytes in the system's receive buffer of a UDP server. Linux counts some 800 bytes for a datagram
# of one byte, so its default of 212,992 bytes holds 270 datagrams: as many as arrive in a turn of
# 20 ms at 15,000 a second. Any more are lost.
UDP_RECEIVE_BUFFER: Final = 1 << 22


@dataclass(frozen=True)
class KeepAlive:
    """TCP keepalive, which detects a peer that has vanished: probe it after ``idle`` seconds of
    silence, then every ``interval`` seconds, and give up after ``count`` probes.

    The defaults detect it within 30 + 3 * 10 = 60 seconds.
    """

    idle: int = 30
    interval: int = 10
    count: int = 3

    def apply(self, sock: socket.socket) -> None:
        """Set it on ``sock``. Options that the system lacks keep the system's setting."""
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        # TCP_KEEPALIVE is macOS's name for TCP_KEEPIDLE.
        for name, value in (
            ("TCP_KEEPIDLE" if hasattr(socket, "TCP_KEEPIDLE") else "TCP_KEEPALIVE", self.idle),
            ("TCP_KEEPINTVL", self.interval),
            ("TCP_KEEPCNT", self.count),
        ):
            if hasattr(socket, name):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            # There are no probes while data is unacknowledged. Retransmission would go on for some
            # 15 minutes (tcp(7), tcp_retries2).
            milliseconds = 1000 * (self.idle + self.interval * self.count)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)


def prepare(sock: socket.socket, keepalive: KeepAlive | None = None) -> None:
    """Make ``sock`` non-blocking; on TCP, set ``keepalive`` and disable Nagle's algorithm, since
    the transport already gathers small writes. Raises ``OSError``."""
    sock.setblocking(False)
    if sock.type == socket.SOCK_STREAM and sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if keepalive is not None:
            keepalive.apply(sock)


def numeric_address(host: str, port: int) -> tuple[int, Any] | None:
    """The family and the socket address if ``host`` is a numeric IPv4 or IPv6 address, also with a
    scope (``fe80::1%eth0``, RFC 4007 section 11). None if it is a name."""
    address, _, scope = host.partition("%")
    try:
        if ":" not in host:
            socket.inet_pton(socket.AF_INET, host)
            return socket.AF_INET, (host, port)
        socket.inet_pton(socket.AF_INET6, address)
        index = int(scope) if scope.isdecimal() else socket.if_nametoindex(scope) if scope else 0
    except (OSError, ValueError):
        return None
    return socket.AF_INET6, (address, port, 0, index)


def bind_inet(
    host: str | None, port: int, kind: socket.SocketKind, *, reuse_port: bool = False
) -> list[socket.socket]:
    """Non-blocking sockets bound to every address of ``host``; None or "" means all addresses, IPv4
    and IPv6.

    With port 0 the system chooses a port for the first address, and the others get the same one.
    Raises ``OSError``, and ``ValueError`` if ``port`` is not a port number."""
    if not 0 <= port <= 65535:
        raise ValueError(f"port must be 0-65535, not {port}")
    found = socket.getaddrinfo(host or None, port, type=kind, flags=socket.AI_PASSIVE)
    unique = list(dict.fromkeys((family, address) for family, _, _, _, address in found))
    for _ in range(_PORT_ATTEMPTS - 1):
        try:
            return _bind_all(unique, port, kind, reuse_port)
        except OSError as exc:
            # The port that the system chose may be in use in the other family: ask for another.
            if port != 0 or exc.errno != errno.EADDRINUSE:
                raise
    return _bind_all(unique, port, kind, reuse_port)


def listen_all(sockets: Sequence[socket.socket], backlog: int) -> None:
    """Call ``listen(backlog)`` on every socket. If one fails, close all, and raise ``OSError`` or
    ``OverflowError``."""
    try:
        for sock in sockets:
            sock.listen(backlog)
    except (OSError, OverflowError):
        for sock in sockets:
            sock.close()
        raise


def _bind_all(
    addresses: Sequence[tuple[int, Any]],
    port: int,
    kind: socket.SocketKind,
    reuse_port: bool,
) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    try:
        for family, address in addresses:
            chosen = sockets[0].getsockname()[1] if port == 0 and sockets else port
            where = (address[0], chosen, *address[2:])
            sock = _bind(family, kind, where, reuse_port, optional=len(addresses) > 1)
            if sock is not None:
                sockets.append(sock)
        if not sockets:
            raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def _bind(
    family: int,
    kind: socket.SocketKind,
    address: Any,
    reuse_port: bool,
    optional: bool,
) -> socket.socket | None:
    try:
        if kind == socket.SOCK_DGRAM:
            sock = udp_socket(family, address[0])
        else:
            sock = socket.socket(family, kind)
    except OSError as exc:
        # getaddrinfo may return IPv6 addresses on a machine without IPv6.
        if optional and exc.errno == errno.EAFNOSUPPORT:
            return None
        raise
    try:
        if kind == socket.SOCK_STREAM:
            # Only for streams: for UDP it would let two processes share a port by accident (cpython
            # gh-81409).
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            # One socket per family: next to a dual-stack socket the IPv4 one could not be bound.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_DGRAM:
            _enlarge_receive_buffer(sock)
        sock.setblocking(False)
        sock.bind(address)
    except OSError as exc:
        sock.close()
        if optional and exc.errno == errno.EADDRNOTAVAIL:
            return None
        raise
    return sock


def _enlarge_receive_buffer(sock: socket.socket) -> None:
    """Ask for ``UDP_RECEIVE_BUFFER`` bytes, or as many as the system allows. Linux silently limits
    the size to ``net.core.rmem_max``; other systems refuse a larger one."""
    size = UDP_RECEIVE_BUFFER
    while size > sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF):
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
            return
        except OSError:
            size //= 2


def bind_unix(path: str, kind: socket.SocketKind, mode: int | None = None) -> socket.socket:
    """A non-blocking Unix socket bound to ``path``, with the permissions ``mode``; None leaves them
    to the umask.

    A socket file that no process listens on is replaced. Any other file there raises
    ``OSError``."""
    sock = socket.socket(socket.AF_UNIX, kind)
    try:
        sock.setblocking(False)
        _remove_stale(path, kind)
        sock.bind(path)
        if mode is not None:
            os.chmod(path, mode)
    except BaseException:
        sock.close()
        raise
    return sock


def _remove_stale(path: str, kind: socket.SocketKind) -> None:
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return  # bind() will raise EADDRINUSE
    except OSError:
        return
    with socket.socket(socket.AF_UNIX, kind) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        except OSError:
            pass


def unlink_later(path: str) -> Callable[[], None]:
    """Returns a function that removes the socket file at ``path``, unless it has been replaced by
    another one."""
    inode = os.stat(path).st_ino

    def unlink() -> None:
        with suppress(OSError):
            if os.stat(path).st_ino == inode:
                os.unlink(path)

    return unlink
