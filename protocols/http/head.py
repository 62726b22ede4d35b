"""Reading request heads: ``httptools`` (llhttp) parses the fields, and here is what it leaves to
its caller.

A head is parsed in one call, once all of it is there. So one parser serves all connections, and a
connection that waits for its next request costs no parser's memory.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import httptools

from .errors import HTTPError, body_too_large
from .headers import Headers, list_members
from .limits import Limits
from .target import check_authority, split_target

# The registered methods (RFC 9110 section 16.1, and WebDAV's) that llhttp knows as well.
METHODS: Final = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"}
    | {"ACL", "BIND", "CHECKOUT", "COPY", "LINK", "LOCK", "MERGE", "MKACTIVITY", "MKCALENDAR"}
    | {"MKCOL", "MOVE", "PROPFIND", "PROPPATCH", "REBIND", "REPORT", "SEARCH", "UNBIND", "UNLINK"}
    | {"UNLOCK"}
)

# llhttp takes more: several spaces, RTSP and ICE, and HTTP/0.9, which has no fields at all.
_REQUEST_LINE: Final = re.compile(
    rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-~]+) HTTP/1\.([01])\r\n"
).match
_OTHER_VERSION: Final = re.compile(
    rb"(?!PRI )[!#$%&'*+.^_`|~0-9A-Za-z-]+ [!-~]+ HTTP/[0-9]\.[0-9]\r\n"
).match
_UNUSUAL: Final = frozenset({"CONNECT", "HEAD", "TRACE"})
_CONDITIONAL: Final = frozenset(
    {"if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "range"}
)
# The fields that the server itself acts on.
_SPECIAL: Final = _CONDITIONAL | {
    *("connection", "content-length", "expect", "host", "transfer-encoding", "upgrade"),
    "proxy-connection",  # to llhttp the same as Connection
}
# Names in the spelling that browsers use: to look one up takes half the time of changing its case.
_NAMES: Final = {
    name.encode(): name.lower()
    for name in (
        *("Accept", "Accept-Encoding", "Accept-Language", "Authorization", "Cache-Control"),
        *("Connection", "Content-Length", "Content-Type", "Cookie", "Host", "If-Modified-Since"),
        *("If-None-Match", "Origin", "Pragma", "Referer", "User-Agent", "X-Forwarded-For"),
        *("X-Forwarded-Proto", "Upgrade-Insecure-Requests", "sec-ch-ua", "sec-ch-ua-mobile"),
        *("sec-ch-ua-platform", "Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Fetch-Site"),
    )
}


class RequestHead:
    """What a head says. It never changes, and is shared by requests with the same bytes.

    ``authority``: the host, and port if there was one: of the target, or else the ``Host`` field;
    "" for HTTP/1.0 without one. ``minor``: of the version, 0 or 1. ``plain``: the common case, with
    nothing to mind: HTTP/1.1, kept alive, without a body, not HEAD, no upgrade. ``conditional``:
    there is a field that makes a condition, or ``Range``."""

    __slots__ = (
        "authority",
        "chunked",
        "conditional",
        "content_length",
        "expects_continue",
        "has_body",
        "headers",
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

    def __init__(self, method: str, target: str, minor: int) -> None:
        self.method = method
        self.target = target
        self.minor = minor
        self.authority = ""
        self.path = target
        self.query = ""
        self.headers = Headers(())
        self.content_length = 0
        self.chunked = False
        self.conditional = False
        self.expects_continue = False
        self.has_body = False
        self.keep_alive = minor == 1
        self.upgrade: str | None = None  # the protocols that the client offers to change to
        self.plain = False
        self.wsgi_environ: dict[str, object] | None = None  # kept by the WSGI gateway


class HeadParser:
    """Parses heads, one at a time."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._pairs: list[tuple[str, str]] = []
        self._complete = False
        self._is_used = False  # the parser has read a head before
        self._is_unusual = False  # the last head had what may change the parser's state
        self._parser = httptools.HttpRequestParser(self)

    def parse(self, data: bytes) -> RequestHead:
        """``data``: a whole head, with the empty line at its end. Raises ``HTTPError``."""
        method_, target, minor = self.check_line(data).groups()
        method = method_.decode("ascii")
        if method not in METHODS:
            raise HTTPError(501, "The method is not known.")
        head = RequestHead(method, target.decode("ascii"), 1 if minor == b"1" else 0)
        reusable = False
        try:
            self._feed(data)
            authority, head.path, head.query = split_target(method, head.target)
            host = self._interpret(head)
            # It waits for a body now, or after "close" refuses to read on: the next request may be
            # another connection's, and gets a parser that knows nothing of this one.
            reusable = head.minor == 1 and not self._is_unusual
        finally:
            self._is_used = reusable
            if not reusable:
                self._parser = httptools.HttpRequestParser(self)
        head.authority = host if authority is None else authority
        head.plain = (
            head.minor == 1
            and head.keep_alive
            and not head.has_body
            and head.upgrade is None
            and head.path != "*"
            and method not in _UNUSUAL
        )
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

    def _feed(self, data: bytes) -> None:
        self._pairs = []
        self._complete = self._is_unusual = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:  # after the head, that is, at the end of data
            self._is_unusual = True
        except httptools.HttpParserError as exc:
            if not self._is_used:
                raise HTTPError(400, f"{exc}.") from None
            # Nobody shall be refused for what somebody else sent: ask one that knows nothing of it.
            self._is_used = False
            self._parser = httptools.HttpRequestParser(self)
            self._feed(data)
            return
        if not self._complete:
            raise HTTPError(400, "The head is not complete.")
        if len(self._pairs) > self._limits.fields:
            limit = self._limits.fields
            raise HTTPError(431, f"There are more than {limit} fields (--max-fields).")

    # What httptools calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        # White space at the end of a value is no part of it (RFC 9110 section 5.5).
        self._pairs.append(
            (
                _NAMES.get(name) or name.decode("ascii").lower(),
                value.decode("latin-1").rstrip(" \t"),
            )
        )

    def on_headers_complete(self) -> None:
        self._complete = True

    def _interpret(self, head: RequestHead) -> str:
        """Act on the fields that say how the message is to be read. Returns the host."""
        pairs = tuple(self._pairs)
        head.headers = Headers(pairs)
        fields: dict[str, list[str]] = {}
        for name, value in pairs:
            if name in _SPECIAL:
                fields.setdefault(name, []).append(value)
        hosts = fields.pop("host", ())
        if len(hosts) > 1 or (not hosts and head.minor == 1):
            raise HTTPError(400, "There must be one Host field.")
        self._is_unusual = self._is_unusual or bool(fields)
        if fields:
            self._interpret_rarer(head, fields)
        return check_authority(hosts[0]) if hosts else ""

    def _interpret_rarer(self, head: RequestHead, fields: dict[str, list[str]]) -> None:
        options = [
            option for value in fields.get("connection", ()) for option in list_members(value)
        ]
        head.keep_alive = "close" not in options and (head.minor == 1 or "keep-alive" in options)
        if "upgrade" in options and "upgrade" in fields and head.minor == 1:
            head.upgrade = ", ".join(fields["upgrade"])
        for value in fields.get("content-length", ()):
            # llhttp has seen to it that it is one number in digits, without a sign.
            head.content_length = _content_length(value, self._limits.body)
        head.chunked = _is_chunked(head.minor, fields.get("transfer-encoding", ()))
        head.has_body = head.chunked or head.content_length > 0
        for value in fields.get("expect", ()):
            if value.lower() != "100-continue":
                raise HTTPError(417, "Only 100-continue can be expected.")
            # To be ignored from a client that cannot know it (RFC 9110 section 10.1.1).
            head.expects_continue = head.minor == 1 and head.has_body
        head.conditional = not fields.keys().isdisjoint(_CONDITIONAL)


def _is_chunked(minor: int, codings: Sequence[str]) -> bool:
    if codings and minor == 0:
        raise HTTPError(400, "HTTP/1.0 has no Transfer-Encoding.")
    if codings and (len(codings) > 1 or codings[0].lower() != "chunked"):
        raise HTTPError(400, "No transfer coding but chunked is understood.")
    return bool(codings)


def _content_length(value: str, limit: int) -> int:
    if not re.fullmatch("[0-9]+", value):  # not \\d, which takes the digits of all scripts
        raise HTTPError(400, "The Content-Length is not a number.")
    if len(value) > 18:
        raise body_too_large(limit, "--max-body")
    return int(value)
