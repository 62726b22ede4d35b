"""The HTML of a mail: as a document that loads nothing, and what is in it.

The document is shown in a sandboxed frame, with a policy that permits nothing but its own styles
and the images in the mail. That is what protects the reader. Here the images get into it, and the
elements go that make connections without loading anything (``link rel=preconnect``)."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from html import unescape
from itertools import islice
from typing import Final

from .parts import Part

MAX_LINKS: Final = 100
MAX_IMAGES: Final = 16 << 20  # bytes of the images in a document
_MAX_TEXT: Final = 20_000  # characters

#: For the response with the document. No ``allow-scripts`` and no ``allow-same-origin``: it has no
#: scripts, no forms, no pop-ups, and cannot read anything of this server.
POLICY: Final = (
    "default-src 'none'",
    "img-src data:",
    "style-src 'unsafe-inline'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'self'",
    "sandbox",
)

_IMAGES: Final = re.compile(r"image/(?:avif|bmp|gif|jpeg|png|svg\+xml|webp)")
# The value of an attribute, or in a style.
_CID: Final = re.compile(r"""(?<=["'=( ])cid:([^"'<>()\s]{1,300})""", re.IGNORECASE)
# Although the policy permits none of these, Chromium connects to where they lead; and animations of
# SVG can give a link another address.
_UNWANTED: Final = re.compile(
    r"<(/?)(?=(?:animate(?:color|motion|transform)?|base|embed|fencedframe|frame|iframe|link|meta"
    r"|object|portal|set)[\s/>])",
    re.IGNORECASE,
)
# The same when a link is clicked. An invisible character makes it another attribute, and does not
# change how a text about HTML looks.
_HREF: Final = re.compile(r"(href)(?=\s*=)", re.IGNORECASE)
_LINK_STYLE: Final = "<style>:where(a[href\\2060]){color:#0645ad;text-decoration:underline}</style>"
_REMOTE: Final = re.compile(r"\s*(?:https?:)?//", re.IGNORECASE)
_REMOTE_STYLE: Final = re.compile(
    r"""(?:url\(\s*+["']?|@import\s++["'])\s*+(?:https?:)?//""", re.IGNORECASE
)
_LOADING: Final = frozenset({"background", "data", "poster", "src", "srcset"})
# Their content is not text, and ends only with their end tag.
_RAW: Final = re.compile(r"script|style|title|template|noscript|xmp|iframe", re.IGNORECASE)
# Each character is looked at once, whatever comes: the time must be proportional to the size.
# html.parser takes a minute for 64 KiB of "<a ".
_TAG: Final = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:-]*+)([^<>]*+)>")
_ATTRIBUTE: Final = re.compile(
    r"""(?<![\w:-])([\w:-]++)\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'>]++))"""
)
_LINK: Final = re.compile(r"(?:https?://|mailto:)", re.IGNORECASE)
# In a text. The marks at its end are the sentence's.
_ADDRESS: Final = re.compile(r"""https?://[^\s<>"'`\\{}|^\u2060\ufffd]{1,2048}""", re.IGNORECASE)
_MARKS: Final = ".,:;!?*"
_MAX_LINK: Final = 2048  # characters
_MAX_TAG: Final = 8192  # characters of a tag that are looked at


@dataclass(slots=True)
class HTMLFacts:
    """``text``: what a reader sees of it, its beginning. ``links``: to other places, each once.
    ``remote``: how many images and the like would be loaded from elsewhere."""

    text: str = ""
    links: list[tuple[str, str]] = field(default_factory=list)
    remote: int = 0


def read_html(html: str) -> HTMLFacts:
    """Look through ``html``, which may be malformed."""
    reader = _Reader()
    reader.read(html)
    return reader.facts


def links_in_text(text: str) -> list[tuple[str, str]]:
    """The addresses in a text that is not HTML, each once; with no text of their own."""
    found = dict.fromkeys(_without_marks(match[0]) for match in _ADDRESS.finditer(text))
    return [(address, "") for address in islice(found, MAX_LINKS)]


def _without_marks(address: str) -> str:
    address = address.rstrip(_MARKS)
    for opening, closing in ("()", "[]"):
        if address.endswith(closing) and opening not in address:
            address = address[:-1].rstrip(_MARKS)
    return address


def document(html: str, parts: Iterable[Part]) -> bytes:
    """The document for the frame."""
    images = {part.cid: part for part in parts if part.cid and _IMAGES.fullmatch(part.media_type)}
    left = MAX_IMAGES

    def image(match: re.Match[str]) -> str:
        nonlocal left
        part = images.get(_unquoted(match[1]))
        if part is None or len(part.data) > left:
            return match[0]
        left -= len(part.data)
        return f"data:{part.media_type};base64,{base64.b64encode(part.data).decode()}"

    html = _HREF.sub("\\1\u2060", _UNWANTED.sub(r"<\1x-", html))
    return (_CID.sub(image, html) + _LINK_STYLE).encode("utf-8", "replace")


def _unquoted(cid: str) -> str:
    return re.sub("%([0-9a-fA-F]{2})", lambda match: chr(int(match[1], 16)), cid)


def _unescaped(text: str) -> str:
    with suppress(ValueError):  # a number of more than 4,300 digits
        return unescape(text)
    return text


class _Reader:
    """Collects facts. It takes tags for what a browser takes for tags, as a rule: nothing depends
    on it."""

    def __init__(self) -> None:
        self.facts = HTMLFacts()
        self._texts: list[str] = []
        self._size = 0
        self._link: tuple[str, list[str]] | None = None
        self._links: set[str] = set()

    def read(self, html: str) -> None:
        """Read all of it, once."""
        lower = html.lower()
        position = 0
        while (start := html.find("<", position)) >= 0:
            self._text(html[position:start])
            if html.startswith("<!--", start):
                end = html.find("-->", start + 4)
                position = end + 3 if end >= 0 else len(html)
            elif tag := _TAG.match(html, start):
                position = tag.end()
                name = tag[2].lower()
                self._tag(name, tag)
                if not tag[1] and _RAW.fullmatch(name):
                    end = lower.find(f"</{name}", position)
                    end = end if end >= 0 else len(html)
                    self._style(html[position:end])
                    position = end
            else:
                self._text("<")
                position = start + 1
        self._text(html[position:])
        self._end_link()
        self.facts.text = "".join(self._texts)[:_MAX_TEXT]

    def _text(self, text: str) -> None:
        if not text or (self._size >= _MAX_TEXT and self._link is None):
            return
        text = _unescaped(text[:_MAX_TEXT])
        if self._size < _MAX_TEXT:
            self._size += len(text)
            self._texts.append(text)
        if self._link is not None:
            self._link[1].append(text[:200])

    def _style(self, text: str) -> None:
        self.facts.remote += len(_REMOTE_STYLE.findall(text))

    def _tag(self, name: str, tag: re.Match[str]) -> None:
        if name not in ("b", "i", "em", "strong", "span", "a", "font", "u", "small"):
            self._text(" ")
        if name == "a":
            self._end_link()
        if tag[1]:
            return
        for attribute in _ATTRIBUTE.finditer(tag[3][:_MAX_TAG]):
            key = attribute[1].lower()
            value = _unescaped(attribute[2] or attribute[3] or attribute[4] or "").strip()
            if key in _LOADING or (key == "href" and name in ("link", "image", "use")):
                self.facts.remote += _REMOTE.match(value) is not None
            elif key == "style":
                self._style(value)
            elif key == "href" and name in ("a", "area") and _LINK.match(value):
                self._link = value[:_MAX_LINK], []

    def _end_link(self) -> None:
        if self._link is None:
            return
        (href, texts), self._link = self._link, None
        if href not in self._links and len(self._links) < MAX_LINKS:
            self._links.add(href)
            text = re.sub(r"\s+", " ", "".join(texts)).strip()
            self.facts.links.append((href, text[:200]))
