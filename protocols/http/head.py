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

from .errors import HTTPError
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
_LINE_START: Final = re.compile(
    rb"[!#$%&'*+.^_`|~0-9A-Za-z-]*(?: [!-~]*(?: [HTP/0-9.]*\r?)?)?"
).fullmatch
# The fields that say how the message is to be read.
_FRAMING: Final = frozenset(
    {"connection", "content-length", "expect", "host", "transfer-encoding", "upgrade"}
)


class RequestHead:
    """What a head says. It never changes, and is shared by requests with the same bytes.

    ``authority``: the host, and port if there was one: of the target, or else the ``Host`` field;
    "" for HTTP/1.0 without one. ``minor``: of the version, 0 or 1. ``plain``: the common case, with
    nothing to mind: HTTP/1.1, kept alive, without a body, not HEAD, no upgrade."""

    __slots__ = (
        "authority",
        "chunked",
        "content_length",
        "expects_continue",
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
        self.expects_continue = False
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
        self._parser = httptools.HttpRequestParser(self)

    def parse(self, data: bytes) -> RequestHead:
        """``data``: a whole head, with the empty line at its end. Raises ``HTTPError``."""
        line = self.check_line(data)
        method, target = line[1].decode("ascii"), line[2].decode("ascii")
        if method not in METHODS:
            raise HTTPError(501, "The method is not known.")
        head = RequestHead(method, target, 1 if line[3] == b"1" else 0)
        self._feed(data)
        if len(self._pairs) > self._limits.fields:
            raise HTTPError(431, f"There are more than {self._limits.fields} fields.")
        head.headers = Headers(tuple(self._pairs))
        authority, head.path, head.query = split_target(method, target)
        host = self._interpret(head)
        head.authority = host if authority is None else authority
        head.plain = (
            head.keep_alive
            and head.minor == 1
            and not (head.content_length or head.chunked or head.expects_continue)
            and head.upgrade is None
            and head.path != "*"
            and method not in ("HEAD", "CONNECT", "TRACE")
        )
        return head

    def check_line(self, data: bytes) -> re.Match[bytes]:
        """Check the request line at the start of ``data``, which may be all that has come so far.
        Raises ``HTTPError``."""
        if data.find(b"\n", 0, self._limits.request_line) < 0:
            raise HTTPError(414, "The request line is too long.")
        match = _REQUEST_LINE(data)
        if match is None:
            if _OTHER_VERSION(data):
                raise HTTPError(505, "The version is neither HTTP/1.1 nor HTTP/1.0.")
            raise HTTPError(400, "The request line is not valid.")
        return match

    def check_start(self, data: bytes) -> None:
        """Check what may be the start of a head, as far as it goes. Raises ``HTTPError``."""
        if b"\n" in data or len(data) > self._limits.request_line:
            self.check_line(data)
        elif not _LINE_START(data):
            raise HTTPError(400, "The request line is not valid.")

    def _feed(self, data: bytes) -> None:
        self._pairs = []
        self._complete = False
        reusable = False
        try:
            self._parser.feed_data(data)
            reusable = self._parser.should_keep_alive()
        except httptools.HttpParserUpgrade:  # after the head, that is, at the end of data
            pass
        except httptools.HttpParserError as exc:
            context = exc.__context__
            if isinstance(context, HTTPError):
                raise context from None
            raise HTTPError(400, f"{exc}.") from None
        finally:
            # It may be in the middle of a message now, or refuse to read another.
            if not reusable or self._body_announced():
                self._parser = httptools.HttpRequestParser(self)
        if not self._complete:
            raise HTTPError(400, "The head is not complete.")

    def _body_announced(self) -> bool:
        return any(name in ("content-length", "transfer-encoding") for name, _ in self._pairs)

    # What httptools calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        # White space at the end of a value is no part of it (RFC 9110 section 5.5).
        self._pairs.append((name.decode("ascii").lower(), value.decode("latin-1").strip(" \t")))

    def on_headers_complete(self) -> None:
        self._complete = True

    def _interpret(self, head: RequestHead) -> str:
        """Act on those of ``_FRAMING``. Returns the host."""
        fields: dict[str, list[str]] = {}
        for name, value in self._pairs:
            if name in _FRAMING:
                fields.setdefault(name, []).append(value)
        options = [
            option for value in fields.get("connection", ()) for option in list_members(value)
        ]
        head.keep_alive = "close" not in options and (head.minor == 1 or "keep-alive" in options)
        if "upgrade" in options and "upgrade" in fields and head.minor == 1:
            head.upgrade = ", ".join(fields["upgrade"])
        for value in fields.get("content-length", ()):
            # llhttp has seen to it that it is one number in digits, without a sign.
            head.content_length = _content_length(value)
        head.chunked = _is_chunked(head.minor, fields.get("transfer-encoding", ()))
        for value in fields.get("expect", ()):
            if value.lower() != "100-continue":
                raise HTTPError(417, "Only 100-continue can be expected.")
            # To be ignored from a client that cannot know it (RFC 9110 section 10.1.1).
            head.expects_continue = head.minor == 1 and (head.chunked or head.content_length > 0)
        hosts = fields.get("host", ())
        if len(hosts) > 1 or (not hosts and head.minor == 1):
            raise HTTPError(400, "There must be one Host field.")
        return check_authority(hosts[0]) if hosts else ""


def _is_chunked(minor: int, codings: Sequence[str]) -> bool:
    if codings and minor == 0:
        raise HTTPError(400, "HTTP/1.0 has no Transfer-Encoding.")
    if codings and (len(codings) > 1 or codings[0].lower() != "chunked"):
        raise HTTPError(400, "No transfer coding but chunked is understood.")
    return bool(codings)


def _content_length(value: str) -> int:
    if not re.fullmatch("[0-9]+", value):  # not \\d, which takes the digits of all scripts
        raise HTTPError(400, "The Content-Length is not a number.")
    if len(value) > 18:
        raise HTTPError(413)
    return int(value)
