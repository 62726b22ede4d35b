"""Reading request heads: the request line, which is checked here each time, and the fields.

A head is parsed in one call, once all of it is there. So one parser serves all connections, and a
connection that waits for its next request costs no parser's memory.
"""

from __future__ import annotations

import re
from typing import Final

from .cache import FIFOCache
from .errors import HTTPError
from .fields import Fields, FieldsParser
from .limits import Limits
from .target import split_target

# The registered methods (RFC 9110 section 16.1, and WebDAV's) that llhttp knows as well.
METHODS: Final = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"}
    | {"ACL", "BIND", "CHECKOUT", "COPY", "LINK", "LOCK", "MERGE", "MKACTIVITY", "MKCALENDAR"}
    | {"MKCOL", "MOVE", "PROPFIND", "PROPPATCH", "REBIND", "REPORT", "SEARCH", "UNBIND", "UNLINK"}
    | {"UNLOCK"}
)
_METHODS: Final = {method.encode(): method for method in METHODS}

# llhttp takes more: several spaces, RTSP and ICE, and HTTP/0.9, which has no fields at all.
_REQUEST_LINE: Final = re.compile(
    rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-~]+) HTTP/1\.([01])\r\n"
).match
_OTHER_VERSION: Final = re.compile(
    rb"(?!PRI )[!#$%&'*+.^_`|~0-9A-Za-z-]+ [!-~]+ HTTP/[0-9]\.[0-9]\r\n"
).match
_UNUSUAL: Final = frozenset({"CONNECT", "HEAD", "TRACE"})
_NO_FIELDS: Final = Fields((), 0)

# What bounds the memory of the heads that are remembered: how many, and bytes of each.
_HEADS: Final = 512
_LARGEST_HEAD: Final = 2048


class RequestHead:
    """What a head says. It never changes, and is shared by requests with the same bytes.

    ``authority``: the host, and port if there was one: of the target, or else the ``Host`` field;
    "" for HTTP/1.0 without one. ``minor``: of the version, 0 or 1. ``plain``: the common case, with
    nothing to mind: HTTP/1.1, kept alive, without a body, not HEAD, no upgrade. ``is_kept``: later
    requests may have the same head, so what follows from it can be stored. For what is copied from
    ``fields``, see there."""

    __slots__ = (
        "authority",
        "chunked",
        "conditional",
        "content_length",
        "expects_continue",
        "fields",
        "has_body",
        "headers",
        "is_kept",
        "keep_alive",
        "method",
        "minor",
        "path",
        "plain",
        "query",
        "target",
        "upgrade",
        "wsgi_environ",
    )

    def __init__(self, method: str, target: str, minor: int, fields: Fields = _NO_FIELDS) -> None:
        self.method = method
        self.target = target
        self.minor = minor
        self.fields = fields
        self.authority = fields.host
        self.path = target
        self.query = ""
        self.headers = fields.headers
        self.content_length = fields.content_length
        self.chunked = fields.chunked
        self.conditional = fields.conditional
        self.expects_continue = fields.expects_continue
        self.has_body = fields.has_body
        self.keep_alive = fields.keep_alive
        self.upgrade = fields.upgrade
        self.plain = False
        self.is_kept = False
        self.wsgi_environ: dict[str, object] | None = None  # kept by the WSGI gateway


class HeadParser:
    """Parses heads, and remembers them: clients send the same head again, or one that differs in
    the request line alone."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.heads: FIFOCache[bytes, RequestHead] = FIFOCache(_HEADS, _LARGEST_HEAD)
        self._fields = FieldsParser(limits)
        self._known_fields = self._fields.known.get

    def parse(self, data: bytes) -> RequestHead:
        """``data``: a whole head, with the empty line at its end. Raises ``HTTPError``."""
        head = self.heads.get(data) or self.parse_whole(data)
        if head is None:
            self.check_line(data)
            raise HTTPError(400, "The head is not complete.")
        return head

    def parse_whole(self, data: bytes) -> RequestHead | None:
        """The head that ``data`` is; None if it is less than a head, more, or none at all. Raises
        ``HTTPError``."""
        line = _REQUEST_LINE(data)
        if line is None or not data.endswith(b"\r\n\r\n"):
            return None
        end = line.end()
        if end > self._limits.request_line:
            return None
        method_, target_, _ = line.groups()
        method = _METHODS.get(method_)
        if method is None:
            raise HTTPError(501, "The method is not known.")
        block = data[end - 3 :]  # with the minor version, on which it depends what fields mean
        fields = self._known_fields(block) or self._fields.parse(block)
        if fields is None:
            return None
        target = target_.decode("ascii")
        head = RequestHead(method, target, fields.minor, fields)
        if target[0] == "/" and method != "CONNECT" and "#" not in target:
            # What split_target() does with nearly all targets, at a third of its cost.
            head.path, _, head.query = target.partition("?")
        else:
            authority, head.path, head.query = split_target(method, target)
            if authority is not None:
                head.authority = authority
        if fields.plain and method not in _UNUSUAL and head.path != "*":
            head.plain = True
            head.is_kept = self.heads.offer(data, head, len(data))
        return head

    def check_line(self, data: bytes) -> re.Match[bytes]:
        """Check the request line at the start of ``data``, which may be all that has come so far.
        Raises ``HTTPError``."""
        if data.find(b"\n", 0, self._limits.request_line) < 0:
            limit = self._limits.request_line
            raise HTTPError(
                414, f"The request line is longer than {limit} bytes (--max-request-line)."
            )
        match = _REQUEST_LINE(data)
        if match is None:
            if _OTHER_VERSION(data):
                raise HTTPError(505, "The version is neither HTTP/1.1 nor HTTP/1.0.")
            raise HTTPError(400, "The request line is not valid.")
        return match
