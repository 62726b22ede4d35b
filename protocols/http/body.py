"""BodyReceiver and BodyCollector: what a request's body is delivered to."""

from __future__ import annotations

from collections.abc import Callable

from .errors import body_too_large
from .response import Response


class BodyReceiver:
    """The callbacks of ``Request.stream``. ``is_paused``: the handler has paused the body.
    ``has_ended``: ``eof_received`` was called."""

    __slots__ = ("data_received", "eof_received", "has_ended", "is_paused")

    def __init__(
        self,
        data_received: Callable[[bytes], object],
        eof_received: Callable[[], Response | None],
    ) -> None:
        self.data_received = data_received
        self.eof_received = eof_received
        self.is_paused = False
        self.has_ended = False


class BodyCollector:
    """Collects a body for ``Request.read``: calls ``callback`` with all of it, and raises
    ``HTTPError`` 413 for more than ``max_size`` bytes (None: no limit)."""

    def __init__(self, callback: Callable[[bytes], Response | None], max_size: int | None) -> None:
        self._callback = callback
        self._max_size = max_size
        self._pieces: list[bytes] = []
        self._size = 0

    def data_received(self, data: bytes) -> None:
        self._size += len(data)
        if self._max_size is not None and self._size > self._max_size:
            raise body_too_large(self._max_size)
        self._pieces.append(data)
        # The objects of many tiny chunks would take more memory than their bytes.
        if len(self._pieces) > 1000:
            self._pieces = [b"".join(self._pieces)]

    def eof_received(self) -> Response | None:
        body = b"".join(self._pieces)
        self._pieces.clear()
        return self._callback(body)
