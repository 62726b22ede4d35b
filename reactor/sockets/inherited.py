"""Listening sockets that a service manager has opened for us (socket activation): ``LISTEN_FDS``,
sd_listen_fds(3).

systemd and others bind the port, so that the service needs no privileges for that, and pass the
sockets on as descriptors 3 and up. The sockets stay open while the service restarts, so no
connection is refused."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import MutableMapping
from typing import Final

_FIRST: Final = 3  # SD_LISTEN_FDS_START
_VARIABLES: Final = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
_FAMILIES: Final = (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX)


def inherited_sockets(
    environ: MutableMapping[str, str] = os.environ, first: int = _FIRST
) -> list[socket.socket]:
    """The sockets that were passed to this process; an empty list if there are none, or if they are
    meant for another process.

    The variables are removed from ``environ``, so that child processes do not use them. ``first``:
    the first descriptor. Raises ``ValueError`` if one of them is not a listening stream socket;
    then all are closed."""
    pid, number, names = (environ.pop(name, "") for name in _VARIABLES)
    if pid != str(os.getpid()):
        return []
    if not re.fullmatch("[0-9]{1,4}", number):
        raise ValueError(f"LISTEN_FDS is {number!r}, and not a number")
    labels = names.split(":")
    sockets: list[socket.socket] = []
    try:
        for index in range(int(number)):
            fd = first + index
            label = labels[index] if index < len(labels) else ""
            sockets.append(_adopt(fd, f"{fd} ({label})" if label else f"{fd}"))
    except ValueError:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def _adopt(fd: int, name: str) -> socket.socket:
    try:
        sock = socket.socket(fileno=fd)
    except OSError as exc:
        raise ValueError(f"inherited descriptor {name} is not a socket: {exc.strerror}") from exc
    try:
        if sock.family not in _FAMILIES or sock.type != socket.SOCK_STREAM:
            raise ValueError(f"inherited descriptor {name} is not a stream socket")
        if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise ValueError(f"inherited descriptor {name} does not listen")
    except ValueError:
        sock.close()
        raise
    sock.setblocking(False)
    sock.set_inheritable(False)
    return sock
