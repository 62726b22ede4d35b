"""Reading the fields of request heads: ``httptools`` (llhttp) checks and splits the lines, and
``Fields`` interprets what they say about the message.

Clients send the same fields again and again, with another request line or with one line changed. So
parsed fields are cached, byte for byte: whole blocks of fields, and single lines. llhttp parses
only lines that were not seen before, each time with a new parser, so no head can change the meaning
of another.
"""

from __future__ import annotations

import re
from typing import Any, Final

import httptools

from .cache import FIFOCache
from .errors import HTTPError
from .headers import Headers, list_members
from .limits import Limits
from .target import check_authority

_CONDITIONAL: Final = frozenset(
    {"if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "range"}
)
# The fields that the server itself acts on, in addition to Connection, Host and Upgrade.
_RARE: Final = _CONDITIONAL | {"content-length", "expect", "transfer-encoding"}
# Lines that are never cached on their own. Whether llhttp accepts one of the first two depends on
# the other lines; it parses any other line independently. The last three are secrets.
_NEVER_KEPT: Final = frozenset(
    {"content-length", "transfer-encoding", "authorization", "cookie", "proxy-authorization"}
)
# Names as browsers spell them: a look-up takes half the time of changing the case.
_LOWER_CASE: Final = {
    name.encode(): name.lower()
    for name in (
        *("Accept", "Accept-Encoding", "Accept-Language", "Authorization", "Cache-Control"),
        *("Connection", "Content-Length", "Content-Type", "Cookie", "Host", "If-Modified-Since"),
        *("If-None-Match", "Origin", "Pragma", "Referer", "User-Agent", "X-Forwarded-For"),
        *("X-Forwarded-Proto", "Upgrade-Insecure-Requests", "sec-ch-ua", "sec-ch-ua-mobile"),
        *("sec-ch-ua-platform", "Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Fetch-Site"),
        *("Sec-Fetch-User", "Priority", "DNT"),
    )
}
USUAL_NAMES: Final = tuple(_LOWER_CASE.values())  #: in lower case

# Clients with the same browser send the same fields, but each has its own cookie.
_COOKIE: Final = b"\r\nCookie:"

# Limits of both caches: entries, and bytes of each entry as it was sent.
_BLOCKS: Final = 512
_LARGEST_BLOCK: Final = 2048
_LINES: Final = 1024
_LARGEST_LINE: Final = 256


class Fields:
    """What the fields of a head say. Treat it as immutable: heads with the same fields share it.

    ``host``: the ``Host`` field; "" for HTTP/1.0 without one. ``plain``: the common case: HTTP/1.1,
    kept alive, no body, no upgrade. ``conditional``: a field makes a condition, or is ``Range``.
    ``upgrade``: the protocols to which the client offers to change. ``base``: the same fields with
    an empty cookie, from which these were made, or None. ``is_kept``: later heads may share these
    fields, so what follows from them can be stored in them. ``last_line``: method and target of the
    last head with these fields; ``last_head``: that head, if it was sent twice in a row."""

    __slots__ = (
        "base",
        "chunked",
        "conditional",
        "content_length",
        "expects_continue",
        "has_body",
        "headers",
        "host",
        "is_kept",
        "keep_alive",
        "last_head",
        "last_line",
        "minor",
        "plain",
        "upgrade",
        "wsgi_environ",
    )

    def __init__(self, pairs: tuple[tuple[str, str], ...], minor: int) -> None:
        """``minor``: the minor version; the meaning of fields depends on it. Raises
        ``HTTPError``."""
        self.minor = minor
        self.headers = Headers(pairs)
        self.content_length = 0
        self.chunked = False
        self.conditional = False
        self.expects_continue = False
        self.has_body = False
        self.keep_alive = minor == 1
        self.upgrade: str | None = None
        self.is_kept = False
        self.base: Fields | None = None
        self.wsgi_environ: dict[str, object] | None = None  # stored by the WSGI gateway
        self.last_line = b""  # this and the next are stored by the HeadParser
        self.last_head: Any = None  # a RequestHead, which is defined above this file
        by_name = self.headers.by_name()
        host = by_name.get("host")
        is_repeated = len(by_name) != len(pairs) and len(self.headers.get_all("host")) > 1
        if is_repeated or (host is None and minor):
            raise HTTPError(400, "There must be one Host field.")
        connection = by_name.get("connection")
        # Nearly all requests have none of these fields, and at most "keep-alive" in Connection.
        if by_name.keys() & _RARE or connection not in (None, "keep-alive") or not minor:
            self._interpret(by_name, list_members(connection or ""))
        self.host = "" if host is None else check_authority(host)
        self.plain = minor == 1 and self.keep_alive and not self.has_body and self.upgrade is None

    def _interpret(self, by_name: dict[str, str], options: list[str]) -> None:
        """``options``: the members of the ``Connection`` field."""
        minor = self.minor
        self.keep_alive = "close" not in options and (minor == 1 or "keep-alive" in options)
        if "upgrade" in options and minor == 1:
            self.upgrade = by_name.get("upgrade")
        if "content-length" in by_name:
            # llhttp has checked that it is one number in digits, without a sign.
            self.content_length = _content_length(by_name["content-length"])
        if "transfer-encoding" in by_name:
            if minor == 0:
                raise HTTPError(400, "HTTP/1.0 has no Transfer-Encoding.")
            if by_name["transfer-encoding"].lower() != "chunked":
                raise HTTPError(400, "No transfer coding but chunked is understood.")
            self.chunked = True
        self.has_body = self.chunked or self.content_length > 0
        for value in self.headers.get_all("expect"):
            if value.lower() != "100-continue":
                raise HTTPError(417, "Only 100-continue can be expected.")
            # From an HTTP/1.0 client it is to be ignored (RFC 9110 section 10.1.1).
            self.expects_continue = minor == 1 and self.has_body
        self.conditional = not _CONDITIONAL.isdisjoint(by_name)

    def with_cookie(self, place: int, pair: tuple[str, str]) -> Fields:
        """The same fields, but with ``pair`` for the one at ``place``, a cookie, which means
        nothing to the server."""
        fields = object.__new__(Fields)
        pairs = self.headers.pairs
        fields.headers = Headers((*pairs[:place], pair, *pairs[place + 1 :]))
        fields.base = self
        fields.chunked = self.chunked
        fields.conditional = self.conditional
        fields.content_length = self.content_length
        fields.expects_continue = self.expects_continue
        fields.has_body = self.has_body
        fields.host = self.host
        fields.is_kept = False
        fields.keep_alive = self.keep_alive
        fields.minor = self.minor
        fields.plain = self.plain
        fields.upgrade = self.upgrade
        fields.wsgi_environ = None
        fields.last_line = b""
        fields.last_head = None
        return fields


class FieldsParser:
    """Reads the fields of heads, one head at a time. ``known``, ``known_lines``: the caches, by the
    bytes received."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.known: FIFOCache[bytes, Fields] = FIFOCache(_BLOCKS, _LARGEST_BLOCK)
        self.known_lines: FIFOCache[bytes, tuple[str, str]] = FIFOCache(_LINES, _LARGEST_LINE)

    def parse(self, block: bytes) -> Fields | None:
        """What the fields in ``block`` say: a head from the minor version, the last byte of the
        request line, to the empty line at its end. Returns None if there is an empty line before
        that. Raises ``HTTPError``."""
        fields: Fields | None
        start = block.find(_COOKIE)
        if start < 0:
            fields = self._parse_lines(block)
        else:
            end = block.find(b"\r\n", start + 2)
            # The same fields with an empty cookie, which many clients may send.
            others = block[: start + len(_COOKIE)] + block[end:]
            base = self.known.get(others)
            if base is None:
                base = self._parse_lines(others)
                if base is None:
                    return None
                base.is_kept = self.known.offer(others, base, len(others))
            pair = _LineReader().read([block[start + 2 : end]])[0]
            fields = base.with_cookie(block.count(b"\r\n", 0, start), pair)
        if fields is not None:
            fields.is_kept = self.known.offer(block, fields, len(block))
        return fields

    def _parse_lines(self, block: bytes) -> Fields | None:
        lines = block[:-4].split(b"\r\n")
        minor = int(lines.pop(0))
        pairs = list(map(self.known_lines.get, lines))
        places = [place for place, pair in enumerate(pairs) if pair is None]
        new = [lines[place] for place in places]
        if b"" in new:
            return None
        if len(lines) > self._limits.fields:
            limit = self._limits.fields
            raise HTTPError(431, f"There are more than {limit} fields (--max-fields).")
        if new:
            for place, line, pair in zip(places, new, self._read(new, lines), strict=True):
                pairs[place] = pair
                if pair[0] not in _NEVER_KEPT:
                    self.known_lines.offer(line, pair, len(line))
        return Fields(tuple(pairs), minor)  # type: ignore[arg-type]  # no pair is None now

    def _read(self, new: list[bytes], lines: list[bytes]) -> list[tuple[str, str]]:
        try:
            return _LineReader().read(new)
        except HTTPError:
            _LineReader().read(lines)  # the error may depend on the previous line
            raise


class _LineReader:
    """Reads lines, once. Making a parser costs a fifth of reading one line."""

    def __init__(self) -> None:
        self._pairs: list[tuple[str, str]] = []
        self._complete = False

    def read(self, lines: list[bytes]) -> list[tuple[str, str]]:
        """The names and values in ``lines``, which have no line ends. Raises ``HTTPError``."""
        # The request line is checked elsewhere. llhttp parses the fields independently of it.
        head = b"\r\n".join((b"GET / HTTP/1.1", *lines, b"", b""))
        try:
            httptools.HttpRequestParser(self).feed_data(head)
        except httptools.HttpParserUpgrade:  # raised at the end of the head
            pass
        except httptools.HttpParserError as exc:
            raise HTTPError(400, f"{exc}.") from None
        if not self._complete or len(self._pairs) != len(lines):
            raise HTTPError(400, "The head is not valid.")
        return self._pairs

    # What httptools calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        # White space at the end is not part of a value (RFC 9110 section 5.5).
        self._pairs.append(
            (
                _LOWER_CASE.get(name) or name.decode("ascii").lower(),
                value.decode("latin-1").rstrip(" \t"),
            )
        )

    def on_headers_complete(self) -> None:
        self._complete = True


def _content_length(value: str) -> int:
    if not re.fullmatch("[0-9]+", value):  # not \\d, which matches the digits of all scripts
        raise HTTPError(400, "The Content-Length is not a number.")
    return int(value) if len(value) <= 18 else 10**18  # more than any limit
