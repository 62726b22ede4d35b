"""Plain sockets as clients, and addresses for sockets."""

from __future__ import annotations

import random
import socket


def unused_address(kind: socket.SocketKind = socket.SOCK_STREAM) -> tuple[str, int]:
    """A local address that no socket has. Its port is below those that systems assign (32768 and
    up), so no other program is given it before the test uses it."""
    while True:
        address = "127.0.0.1", random.randrange(15_000, 32_000)
        with socket.socket(type=kind) as probe:
            try:
                probe.bind(address)
            except OSError:
                continue
        return address


def read_to_end(sock: socket.socket) -> bytes:
    """All bytes until the connection is closed or reset."""
    data = b""
    try:
        while piece := sock.recv(65536):
            data += piece
    except ConnectionResetError:
        pass
    return data
