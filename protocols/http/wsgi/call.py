"""Call: one call of an application, and its response, in any thread."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from ..framing import BODILESS
from .errors import ERRORS
from .heads import Head, check_head
from .input import Spool

if TYPE_CHECKING:
    from ..request import Request

logger = logging.getLogger(__name__)


Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Call:
    """One call of an application. ``InlineCall`` and ``WorkerCall`` implement sending the response.

    Most calls keep the defaults below. They are class attributes, not slots, so that they need not
    be set for each request."""

    # An exception in an application affects only its request, except for these: in the loop's
    # thread, a KeyboardInterrupt may come from a signal, and cannot be distinguished from an
    # application's.
    passing: tuple[type[BaseException], ...] = ()

    head: Head | None = None
    left: int | None = None  # bytes of the response's body that were announced and are missing
    overrun = False  # the application produced more than it announced
    pieces: Any = ()  # of the response's body, not sent yet

    def __init__(self, request: Request, body: Spool | None) -> None:
        self.request = request
        self.body = body  # the request's, if it has one

    # -- what the application calls ----------------------------------------------------------------

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        """PEP 3333, "The start_response() Callable". Raises ``ValueError`` or ``TypeError`` for a
        head that must not be sent, ``RuntimeError`` when it is called again without
        ``exc_info``."""
        if exc_info is not None:
            try:
                if self.is_head_sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # it refers to this frame
        elif self.head is not None:
            raise RuntimeError("start_response was called already")
        fields = tuple(headers)
        try:
            head = check_head(status, fields)
        except TypeError:  # not hashable: without the cache the message is clearer
            head = check_head.__wrapped__(status, fields)
        self.head = head
        self.left = head.length
        self.pieces = ()  # discards what followed the replaced head
        return self.write

    def write(self, data: bytes) -> None:
        """PEP 3333, "The write() Callable"."""
        piece = self.accept(data)
        if piece and not self.is_bodiless:
            self.put(piece)

    # -- the parts of its response -----------------------------------------------------------------

    def accept(self, piece: bytes) -> bytes:
        """Check and count a piece of the body. Returns as much of it as was announced. Raises
        ``TypeError`` or ``RuntimeError`` for an application's mistake."""
        if not isinstance(piece, bytes):
            raise TypeError(f"a response's body is made of bytes, not {type(piece).__name__}")
        if not piece:
            return piece
        if self.head is None:
            raise RuntimeError("there is a body, but start_response was not called")
        if self.left is None:
            return piece
        if len(piece) > self.left:
            if not self.overrun and not self.is_bodiless:
                length = self.head.length
                logger.error("%r: the body has more bytes than the %d announced", self, length)
            self.overrun = True
            piece = piece[: self.left]
        self.left -= len(piece)
        return piece

    def checked_head(self) -> Head:
        """The head. Raises ``RuntimeError`` if there is none."""
        if self.head is None:
            raise RuntimeError("the application did not call start_response")
        return self.head

    @property
    def is_bodiless(self) -> bool:
        """Whether the response has no body, even if the application returns one."""
        return self.head is not None and (
            self.request.head.method == "HEAD" or self.head.status in BODILESS
        )

    def finish(self, result: Any = None) -> None:
        """The application is done: close what it returned, once, and the request's body."""
        if result is not None and hasattr(result, "close"):
            try:
                result.close()
            except self.passing:
                raise
            except BaseException:
                logger.exception("%r: close() failed:", self)
        if ERRORS.pending:
            ERRORS.flush()
        self.close_body()

    def close_body(self) -> None:
        """Close the request's body."""
        if self.body is not None:
            self.body.close()

    def __repr__(self) -> str:
        return f"{self.request.method} {self.request.target}"

    # -- what subclasses define --------------------------------------------------------------------

    @property
    def is_head_sent(self) -> bool:
        """Whether it is too late for another head."""
        raise NotImplementedError

    def put(self, piece: bytes) -> None:
        """Send a piece of the body, or keep it to be sent."""
        raise NotImplementedError
