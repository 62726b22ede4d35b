"""Responses: what a handler gives back, and how a head is written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

Header = tuple[str, str]
BODILESS: Final = (101, 204, 304)  #: statuses without a body (RFC 9110 section 6.4.1)

_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
# Visible characters, spaces, tabs, and bytes beyond ASCII (RFC 9110 section 5.5): no CR, LF, NUL.
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*").fullmatch
# What the server says itself: with two of them, sender and receiver could disagree on where the
# message ends.
_OURS: Final = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding"})


class Response:
    """A whole response: its body is in memory. For others, see ``Request.start``.

    ``headers``: pairs of name and value. ``Content-Length``, ``Connection``, ``Transfer-Encoding``,
    ``Keep-Alive`` are the server's affair; ``Date`` and ``Server`` are added unless given."""

    __slots__ = ("body", "headers", "status")

    def __init__(
        self, body: bytes = b"", status: int = 200, headers: Iterable[Header] = ()
    ) -> None:
        self.body = body
        self.status = status
        self.headers: tuple[Header, ...] = (
            headers if type(headers) is tuple else tuple((name, value) for name, value in headers)
        )

    @classmethod
    def text(cls, text: str, status: int = 200, headers: Iterable[Header] = ()) -> Response:
        """Plain text, in UTF-8."""
        content_type = ("Content-Type", "text/plain; charset=utf-8")
        return cls(text.encode(), status, (content_type, *headers))

    @classmethod
    def html(cls, text: str, status: int = 200, headers: Iterable[Header] = ()) -> Response:
        """A page, in UTF-8. What came from others must be escaped already (``html.escape``)."""
        content_type = ("Content-Type", "text/html; charset=utf-8")
        return cls(text.encode(), status, (content_type, *headers))

    @classmethod
    def redirect(cls, location: str, status: int = 303) -> Response:
        """Send the client to ``location``, a URI reference."""
        return cls(b"", status, (("Location", location),))

    def __repr__(self) -> str:
        return f"<Response {self.status} {len(self.body)} bytes>"


def render_head(status: int, headers: Iterable[Header]) -> bytes:
    """The status line and the fields, each with its CRLF; without the empty line.

    Raises ``ValueError`` for what would make another message of it: a status that is no final one,
    a name that is no token, a value with a control character in it, and for fields that are the
    server's own; ``TypeError`` for what is not text."""
    if not 200 <= status <= 999 and status != 101:
        raise ValueError(f"not a final status: {status!r}")
    lines = [f"HTTP/1.1 {status:d} {_PHRASES.get(status, '')}\r\n"]
    for name, value in headers:
        if not _NAME(name):
            raise ValueError(f"not a field name: {name!r}")
        if not _VALUE(value):
            raise ValueError(f"the value of {name} has a control character in it: {value!r}")
        if name.lower() in _OURS and status != 101:
            raise ValueError(f"{name} is the server's to send")
        lines.append(f"{name}: {value}\r\n")
    return "".join(lines).encode("latin-1")
