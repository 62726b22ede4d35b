"""Response: what a handler returns; and rendering the head of a response."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

Header = tuple[str, str]

_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
# Visible characters, spaces, tabs, and bytes beyond ASCII (RFC 9110 section 5.5): no CR, LF, NUL.
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*").fullmatch
# The server sends these itself. With two of one kind, sender and receiver could disagree on where
# the message ends.
_SENT_BY_SERVER: Final = frozenset(
    {"connection", "content-length", "keep-alive", "transfer-encoding"}
)


class Response:
    """A whole response, whose body is in memory. For a streamed response, see ``Request.start``.

    ``headers``: pairs of name and value. The server adds ``Content-Length``, ``Connection``,
    ``Transfer-Encoding`` and ``Keep-Alive``, which must not be in ``headers``; and ``Date`` and
    ``Server``, unless they are."""

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
        """A page, in UTF-8. Escape user input first (``html.escape``)."""
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

    Raises ``ValueError`` for what could change the framing: a status that is not final, a name that
    is not a token, a value with a control character, a field that only the server sends;
    ``TypeError`` for what is not text."""
    if not 200 <= status <= 999 and status != 101:
        raise ValueError(f"not a final status: {status!r}")
    lines = [f"HTTP/1.1 {status:d} {_PHRASES.get(status, '')}\r\n"]
    for name, value in headers:
        if not _NAME(name):
            raise ValueError(f"not a field name: {name!r}")
        if not _VALUE(value):
            raise ValueError(f"the value of {name} has a control character in it: {value!r}")
        if name.lower() in _SENT_BY_SERVER and status != 101:
            raise ValueError(f"{name} is the server's to send")
        lines.append(f"{name}: {value}\r\n")
    return "".join(lines).encode("latin-1")
