"""Sending what a WriteQueue holds: bytes in one system call, files in calls of their own."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any, Final

from .sendfile import FileSegment
from .write_queue import WriteQueue

# A head, a file and a tail go out in one flush. Anything more waits for the next turn, so that
# other connections get their share.
_SENDS_PER_FLUSH: Final = 4

_MSG_MORE: Final = getattr(socket, "MSG_MORE", 0)


def send_pieces(queue: WriteQueue, sock: Any) -> int:
    """Send the bytes at the front of ``queue`` in one system call. Returns how many were sent.

    Raises ``BlockingIOError`` if the socket takes nothing now, ``OSError`` as the socket does."""
    pieces, file_follows = queue.gather()
    # Without MSG_MORE, a response's head would be sent in a packet of its own.
    flags = _MSG_MORE if file_follows else 0
    sent = sock.send(pieces[0], flags) if len(pieces) == 1 else sock.sendmsg(pieces, (), flags)
    queue.discard(sent)
    return sent  # type: ignore[no-any-return]


def send_with_files(
    queue: WriteQueue, sock: Any, on_sent: Callable[[FileSegment], object]
) -> Iterator[int]:
    """Send bytes and files from the front of ``queue``, in a bounded number of system calls. Yields
    how many bytes each call has sent; ``on_sent`` is called for each file that was sent whole.

    Raises as ``send_pieces`` does, and ``EOFError`` if a file has become shorter."""
    for _ in range(_SENDS_PER_FLUSH):
        segment = queue.file_at_front()
        if segment is None:
            yield send_pieces(queue, sock)
            if queue.file_at_front() is None:
                break  # all is sent, or the system accepts no more
        else:
            yield segment.send(sock)
            if not segment.left:
                queue.discard_file()
                on_sent(segment)
            if not queue:
                break
