"""Reading request heads: the request line, which is checked here, and the fields (``fields.py``).

A head is parsed in one call, when it is complete. So one parser serves all connections, and an idle
connection needs no memory for a parser.

Clients repeat themselves, so parsed heads are reused, in three steps:

1. The same head as the last one with these fields: its ``RequestHead`` is returned as it is.
2. The same fields below another request line: the ``Fields`` are used again, and only the line is
   parsed, by the quick checks in ``parse_whole``.
3. Anything else: ``_parse_new``.
"""

from __future__ import annotations

import re
from typing import Final

from .errors import HTTPError
from .fields import Fields, FieldsParser
from .headers import Headers
from .limits import LOGGED_LINE, Limits
from .target import split_target

# The registered methods (RFC 9110 section 16.1, and WebDAV's) that llhttp knows too.
METHODS: Final = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"}
    | {"ACL", "BIND", "CHECKOUT", "COPY", "LINK", "LOCK", "MERGE", "MKACTIVITY", "MKCALENDAR"}
    | {"MKCOL", "MOVE", "PROPFIND", "PROPPATCH", "REBIND", "REPORT", "SEARCH", "UNBIND", "UNLINK"}
    | {"UNLOCK"}
)
_METHODS: Final = {method.encode(): method for method in METHODS}

# llhttp accepts more: several spaces, RTSP and ICE, and HTTP/0.9, which has no fields at all.
_REQUEST_LINE: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-~]+) HTTP/1\.[01]\r\n").match
_OTHER_VERSION: Final = re.compile(
    rb"(?!PRI )[!#$%&'*+.^_`|~0-9A-Za-z-]+ [!-~]+ HTTP/[0-9]\.[0-9]\r\n"
).match
_PLAIN_METHODS: Final = METHODS - {"CONNECT", "HEAD", "TRACE"}
NO_FIELDS: Final = Fields((), 0)

_LONGEST_LINE: Final = 1024  # bytes of a method and target that are remembered


class RequestHead:
    """What a head says. Treat it as immutable: requests with the same bytes share it.

    ``fields``: what its fields say. ``authority``: the host, and the port if it was named: from the
    target, or else from the ``Host`` field; "" for HTTP/1.0 without one. ``plain``: the common case
    that needs no special treatment: HTTP/1.1, kept alive, no body, no upgrade, and not HEAD, TRACE,
    CONNECT or ``OPTIONS *``. ``is_kept``: later requests may share this head, so what follows from
    it can be stored in it."""

    __slots__ = (
        "authority",
        "fields",
        "is_kept",
        "method",
        "path",
        "plain",
        "query",
        "target",
        "wsgi_environ",
    )

    def __init__(self, method: str, target: str, fields: Fields) -> None:
        self.method = method
        self.target = target
        self.fields = fields
        self.authority = fields.host
        self.path, _, self.query = target.partition("?")  # right for nearly all targets
        self.plain = False
        self.is_kept = False
        self.wsgi_environ: dict[str, object] | None = None  # stored by the WSGI gateway

    @property
    def headers(self) -> Headers:
        """The fields, by name."""
        return self.fields.headers

    @property
    def minor(self) -> int:
        """The minor version of HTTP, 0 or 1."""
        return self.fields.minor


class HeadParser:
    """Parses heads, and caches them."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.fields_parser = FieldsParser(limits)
        self._known_fields = self.fields_parser.known.get
        self._longest_line = min(limits.request_line - len(b" HTTP/1.1\r\n"), _LONGEST_LINE)

    def parse(self, data: bytes) -> RequestHead:
        """``data``: a whole head, with the empty line at its end. Raises ``HTTPError``."""
        head = self.parse_whole(data)
        if head is None:
            self.check_line(data)
            raise HTTPError(400, "The head is not complete.")
        return head

    def parse_whole(self, data: bytes) -> RequestHead | None:
        """The head, if ``data`` is exactly one; else None. Raises ``HTTPError``."""
        # The block begins with the minor version, because the meaning of fields depends on it.
        line, _, block = data.partition(b" HTTP/1.")
        fields = self._known_fields(block)
        if fields is None or len(line) > self._longest_line:
            return self._parse_new(data, block, fields)
        is_repeated = line == fields.last_line
        if is_repeated and (known := fields.last_head) is not None:
            return known  # type: ignore[no-any-return]
        # For nearly all lines the same result as _REQUEST_LINE and split_target(), at a third of
        # the cost.
        method, _, target = line.decode("latin-1").partition(" ")
        if not (
            method in _PLAIN_METHODS
            and target.startswith("/")
            and target.isascii()
            and target.isprintable()
            and " " not in target
            and "#" not in target
        ):
            return self._parse_new(data, block, fields)
        head = RequestHead(method, target, fields)
        head.plain = fields.plain
        head.is_kept = is_repeated
        fields.last_line = line
        fields.last_head = head if is_repeated else None
        return head

    def _parse_new(self, data: bytes, block: bytes, fields: Fields | None) -> RequestHead | None:
        """The same for new fields, and for any request line. ``block``: what follows the first
        " HTTP/1."; ``fields``: of the block, if they are known."""
        line = _REQUEST_LINE(data)
        if line is None or not data.endswith(b"\r\n\r\n"):
            return None
        end = line.end()
        if end > self.limits.request_line:
            return None
        method = _METHODS.get(line[1])
        if method is None:
            raise HTTPError(501, "The method is not known.")
        if fields is None:
            block = data[end - 3 :]  # the first " HTTP/1." may have been in the target
            fields = self.fields_parser.parse(block)
            if fields is None:
                return None
        target = line[2].decode("ascii")
        head = RequestHead(method, target, fields)
        authority, head.path, head.query = split_target(method, target)
        if authority is not None:
            head.authority = authority
        head.plain = fields.plain and method in _PLAIN_METHODS and head.path != "*"
        return head

    def check_line(self, data: bytes) -> re.Match[bytes]:
        """Check the request line at the start of ``data``. Raises ``HTTPError``, also if the line
        is incomplete."""
        if data.find(b"\n", 0, self.limits.request_line) < 0:
            limit = self.limits.request_line
            raise HTTPError(
                414, f"The request line is longer than {limit} bytes (--max-request-line)."
            )
        match = _REQUEST_LINE(data)
        if match is None:
            if _OTHER_VERSION(data):
                raise HTTPError(505, "The version is neither HTTP/1.1 nor HTTP/1.0.")
            raise HTTPError(400, "The request line is not valid.")
        return match


def unreadable_head(data: bytes) -> RequestHead:
    """Replaces a refused head in the log. It has no method; its target is the received part of the
    request line, at the start of ``data``."""
    line = data[: LOGGED_LINE + 1].splitlines()[0] if data else b""
    text = line[:LOGGED_LINE].decode("latin-1")
    return RequestHead("", f"{text}..." if len(line) > LOGGED_LINE else text, NO_FIELDS)
