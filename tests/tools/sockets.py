"""Plain sockets as clients."""

from __future__ import annotations

import socket


def read_to_end(sock: socket.socket) -> bytes:
    """All bytes until the connection is closed or reset."""
    data = b""
    try:
        while piece := sock.recv(65536):
            data += piece
    except ConnectionResetError:
        pass
    return data
