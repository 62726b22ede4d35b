"""RequestReader: bytes in; the heads of requests and the pieces of their bodies out.

It uses no transport, no loop and no handler. ``PartialHead`` searches a head that arrives in pieces
only once; decoders find the end of a body (``decoding.py``).
"""

from __future__ import annotations

import re
from typing import Final

from .decoding import BodyDecoder, ChunkedDecoder, FixedLengthDecoder
from .errors import HTTPError, body_too_large
from .fields import Fields
from .head import HeadParser, RequestHead
from .limits import UNREAD_BODY
from .partial import END_OF_HEAD, PartialHead

_EMPTY_LINES: Final = re.compile(rb"\A(?:\r\n)+")


class RequestReader:
    """Reads requests, one after another. ``parser``: reads whole heads, and has the limits.

    ``feed`` it, then call ``read_head``. If the head announces a body, call ``expect_body``, and
    ``read_body`` until ``in_body`` is false. Then call ``read_head`` again. After an ``HTTPError``
    nothing more can be read, because it is not known where the next request begins."""

    __slots__ = (
        "_body_left",
        "_decoder",
        "_parser",
        "_partial_head",
        "buffer",
        "expects_continue",
        "in_body",
    )

    def __init__(self, parser: HeadParser, data: bytes = b"") -> None:
        self._parser = parser
        self.buffer = data  #: fed and not read yet
        self._partial_head: PartialHead | None = None
        self.in_body = False  #: the rest of a body is to be read
        self._decoder: BodyDecoder | None = None  # while in_body is true
        self._body_left = 0  # bytes that the limit still allows the body
        self.expects_continue = False  #: the client waits for "100 Continue" before its body

    def feed(self, data: bytes) -> None:
        """Add data from the client."""
        self.buffer += data

    def clear(self) -> bytes:
        """Discard and return the data that was fed and not read yet."""
        data, self.buffer = self.buffer, b""
        return data

    # -- heads -------------------------------------------------------------------------------------

    def read_head(self) -> RequestHead | None:
        """The next head; None if it is not complete. Raises ``HTTPError`` as soon as the data
        cannot be the start of a head."""
        # Some clients end their requests with empty lines (RFC 9112 section 2.2).
        if self.buffer.startswith(b"\r\n"):
            self.buffer = _EMPTY_LINES.sub(b"", self.buffer)
        buffer = self.buffer
        if buffer in (b"", b"\r"):
            return None
        partial = self._partial_head
        end = buffer.find(END_OF_HEAD) + 4 if partial is None else partial.find_end(buffer)
        parser = self._parser
        limit = parser.limits.head
        if end > limit or (end < 4 and len(buffer) > limit):
            parser.check_line(buffer)
            raise HTTPError(431, f"The head is longer than {limit} bytes (--max-head).")
        if end < 4:
            if partial is None:
                partial = PartialHead(parser.check_line, parser.limits.request_line)
                self._partial_head = partial
            partial.check(buffer)
            return None
        head = parser.parse(buffer[:end])
        self.buffer = buffer[end:]
        self._partial_head = None
        return head

    # -- bodies ------------------------------------------------------------------------------------

    def expect_body(self, fields: Fields) -> None:
        """Expect the body that ``fields`` announce, if any. Raises ``HTTPError`` 413."""
        limits = self._parser.limits
        if fields.chunked:
            self._decoder = ChunkedDecoder(limits)
        elif fields.content_length > limits.body:
            raise body_too_large(limits.body, "--max-body")
        elif fields.content_length:
            self._decoder = FixedLengthDecoder(fields.content_length)
        self.in_body = fields.has_body
        self._body_left = limits.body
        self.expects_continue = fields.expects_continue

    def read_body(self) -> bytes:
        """The next piece of the body; b"" if only framing has arrived. Raises ``HTTPError``."""
        decoder = self._decoder
        assert decoder is not None, "no body is expected"
        data, self.buffer = decoder.decode(self.buffer)
        self._body_left -= len(data)
        if self._body_left < 0:
            raise body_too_large(self._parser.limits.body, "--max-body")
        if decoder.complete:
            self.in_body = False
            self._decoder = None
        return data

    def can_discard_body(self) -> bool:
        """Whether the rest of an unwanted body is small enough to read and drop it."""
        if not self.in_body:
            return True
        if self.expects_continue and not self.buffer:
            return False  # the client may send the body, or the next request instead
        return getattr(self._decoder, "left", 0) <= UNREAD_BODY

    def discard_body(self) -> None:
        """Limit the rest of an unwanted body to the size that is discarded."""
        self._body_left = UNREAD_BODY
