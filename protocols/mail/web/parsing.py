"""Reads mails that may be anything: what the list shows of one, and its content.

Nothing here raises for a malformed mail: what cannot be decoded is shown as it is. Sizes, the
number of parts and their nesting are limited. The functions take time: call them in threads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Any, Final

from .html import read_html
from .parts import Part

MAX_HEAD: Final = 65536  # bytes of the header that are read
MAX_VALUE: Final = 8192  # characters of a field
MAX_SHOWN: Final = 300  # characters of a field in the list
MAX_TEXT: Final = 1 << 20  # characters of the text, and of the HTML
MAX_SEARCHED: Final = 2000  # characters of the text that are searched
MAX_RECIPIENTS: Final = 4000  # characters of the recipients that are searched
MAX_PARTS: Final = 200
MAX_DEPTH: Final = 20  # of parts in parts
# The parser compares each line with each boundary of the parts around it.
_MAX_WORK: Final = 5_000_000
_MAX_BOUNDARIES: Final = 500
# It takes time that is quadratic in the length of the fields that describe a part.
_LONG_FIELD: Final = re.compile(
    rb"^(content-[a-z-]{1,30}:(?:[^\n]|\n[ \t]){2000})(?:[^\r\n]|\r?\n[ \t])++",
    re.IGNORECASE | re.MULTILINE,
)
_SNIPPET: Final = 160  # characters

_BOUNDARY: Final = re.compile(rb"boundary\s*\*?[0-9*]*\s*=|message/", re.IGNORECASE)
# Where servers note the recipients of the envelope: ours writes Delivered-To.
_ENVELOPE: Final = frozenset({"delivered-to", "x-original-to"})
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# For names of files. Marks for the direction of writing can make "gpj.exe" look like "exe.jpg".
_UNSAFE: Final = re.compile(r'[\s"<>|*?:\ufffd\u200e\u200f\u202a-\u202e\u2066-\u2069]+')
_SPACE: Final = re.compile(r"\s+")
_FAILURES: Final = (Exception,)  # what email raises for malformed input is not documented


@dataclass(frozen=True, slots=True)
class Summary:
    """What the list shows. ``date``: of the ``Date`` field, in seconds since the epoch; None if
    there is none that is valid. ``searched``: sender, recipients, subject and the beginning of the
    text, case-folded. Recipients are also those of the envelope, which Bcc does not show."""

    sender: str = ""
    to: str = ""
    subject: str = ""
    date: float | None = None
    snippet: str = ""
    has_attachments: bool = False
    searched: tuple[str, str, str, str] = ("", "", "", "")


@dataclass(slots=True)
class Content:
    """A whole mail. ``headers``: in their order; ``text`` and ``html``: None if there is none.
    ``problem``: what could not be read, or empty."""

    headers: list[tuple[str, str]] = field(default_factory=list)
    text: str | None = None
    html: str | None = None
    parts: list[Part] = field(default_factory=list)
    problem: str = ""


def summarize(data: bytes) -> Summary:
    """The summary of the mail that begins with ``data``."""
    content = read_content(data, keep_parts=False)
    first: dict[str, str] = {}
    for name, value in content.headers:
        first.setdefault(name.lower(), value)
    text = content.text
    if not text and content.html is not None:
        text = read_html(content.html).text
    text = _SPACE.sub(" ", (text or "")[: 2 * MAX_SEARCHED]).strip()[:MAX_SEARCHED]
    sender = first.get("from", "")[:MAX_SHOWN]
    to = ", ".join(first[name] for name in ("to", "cc") if first.get(name))
    envelope = [value for name, value in content.headers if name.lower() in _ENVELOPE]
    recipients = ", ".join((to[:MAX_SHOWN], *dict.fromkeys(envelope), to[MAX_SHOWN:]))
    subject = first.get("subject", "")[:MAX_SHOWN]
    return Summary(
        sender=sender,
        to=to[:MAX_SHOWN],
        subject=subject,
        date=_seconds(first.get("date", "")),
        snippet=text[:_SNIPPET],
        has_attachments=bool(content.parts),
        searched=(
            sender.casefold(),
            recipients[:MAX_RECIPIENTS].casefold(),
            subject.casefold(),
            text.casefold(),
        ),
    )


def read_content(data: bytes, *, keep_parts: bool = True) -> Content:
    """The content of a mail. ``keep_parts``: False leaves out the data of the parts."""
    content = Content(headers=_headers(data))
    try:
        if _is_too_much(data):
            content.problem = "The mail has too many lines and parts. Its source is complete."
        else:
            _collect(message_from_bytes(_bounded(data)), content, keep_parts)
    except _FAILURES:
        content.problem = "The mail is malformed. Its source is complete."
    if content.problem and content.text is None:
        _, _, body = data.partition(b"\r\n\r\n")
        content.text = _clean(body[:MAX_TEXT].decode("utf-8", "replace"))
    return content


def _is_too_much(data: bytes) -> bool:
    boundaries = sum(1 for _ in _BOUNDARY.finditer(data))
    return boundaries > _MAX_BOUNDARIES or data.count(b"\n") * (1 + boundaries) > _MAX_WORK


def _bounded(data: bytes) -> bytes:
    """Without the ends of headers and fields that are too long."""
    end = data.find(b"\r\n\r\n")
    if end > MAX_HEAD:
        data = data[: data.rfind(b"\r\n", 0, MAX_HEAD)] + data[end:]
    return _LONG_FIELD.sub(rb"\1", data)


# -- the header ------------------------------------------------------------------------------------


def _headers(data: bytes) -> list[tuple[str, str]]:
    head, _, _ = data[:MAX_HEAD].partition(b"\r\n\r\n")
    fields: list[tuple[str, str]] = []
    for line in head.decode("utf-8", "replace").split("\r\n"):
        if line[:1] in (" ", "\t") and fields:
            name, value = fields[-1]
            fields[-1] = name, value + " " + line.strip()
        else:
            name, colon, value = line.partition(":")
            if colon and name.strip():
                fields.append((name.strip(), value.strip()))
    return [(_clean(name), _decoded(value[:MAX_VALUE])) for name, value in fields]


def _decoded(value: str) -> str:
    """With encoded words (RFC 2047) decoded."""
    if "=?" in value:
        try:
            value = "".join(_word(word, charset) for word, charset in decode_header(value))
        except (HeaderParseError, *_FAILURES):
            pass  # it is shown as it is
    return _clean(value).strip()


def _word(word: bytes | str, charset: str | None) -> str:
    if isinstance(word, str):
        return word
    if charset is None:
        # decode_header makes bytes of what is around the words, with escapes for other characters.
        return word.decode("raw-unicode-escape", "replace")
    return _decode(word, charset)


def _seconds(value: str) -> float | None:
    try:
        return parsedate_to_datetime(value).timestamp()
    except _FAILURES:
        return None


def _clean(text: str) -> str:
    """Without characters that cannot be shown."""
    return _CONTROLS.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


# -- the parts -------------------------------------------------------------------------------------


def _collect(message: Message, content: Content, keep_parts: bool) -> None:
    texts: list[str] = []
    left = MAX_PARTS
    for part in _leaves(message):
        left -= 1
        if left < 0:
            content.problem = f"Only the first {MAX_PARTS} parts are shown. The source is complete."
            break
        kind = _media_type(part)
        name = _name(part)
        attached = _is_attached(part) or bool(name)
        if kind == "text/html" and not attached and content.html is None:
            content.html = _text(part)
        elif kind == "text/plain" and not attached:
            texts.append(_text(part))
        else:
            data = _payload(part) if keep_parts else b""
            content.parts.append(Part(name or _default_name(kind), kind, _cid(part), data))
    if texts:
        content.text = "\n".join(texts)[:MAX_TEXT]


def _leaves(message: Message) -> Iterator[Message]:
    """The parts that have no parts; also those that are nested too deeply, and whole mails."""
    waiting: list[tuple[Message, int]] = [(message, 0)]
    while waiting:
        part, depth = waiting.pop()
        payload: Any = part.get_payload()
        if isinstance(payload, list) and not _is_mail(part) and depth < MAX_DEPTH:
            waiting += [(child, depth + 1) for child in reversed(payload[: MAX_PARTS + 1])]
        elif not isinstance(payload, list) or _is_mail(part):
            yield part


def _is_mail(part: Message) -> bool:
    return part.get_content_maintype() == "message"


def _media_type(part: Message) -> str:
    kind: str = part.get_content_type()
    if kind.startswith("multipart/"):  # without a boundary
        return "text/plain"
    return kind if re.fullmatch(r"[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,60}", kind) else "text/plain"


def _is_attached(part: Message) -> bool:
    try:
        return part.get_content_disposition() == "attachment"
    except _FAILURES:
        return True


def _name(part: Message) -> str:
    """The name of the file, which may be any text; without folders."""
    try:
        name = _decoded(str(part.get_filename() or "")[:MAX_VALUE])
    except _FAILURES:
        name = ""
    name = _UNSAFE.sub(" ", re.split(r"[/\\]", name)[-1]).strip(" .")
    return name[-120:]


def _default_name(kind: str) -> str:
    known = {"message/rfc822": "mail.eml", "text/plain": "text.txt", "text/html": "page.html"}
    return known.get(kind) or f"part.{kind.partition('/')[2]}"


def _cid(part: Message) -> str:
    try:
        return _clean(str(part.get("Content-ID") or "")).strip().strip("<>")[:MAX_SHOWN]
    except _FAILURES:
        return ""


def _payload(part: Message) -> bytes:
    try:
        payload: Any = part.get_payload()
        if isinstance(payload, list):
            return b"".join(child.as_bytes() for child in payload)
        decoded: Any = part.get_payload(decode=True)
        return decoded if isinstance(decoded, bytes) else b""
    except _FAILURES:
        return str(part.get_payload()).encode("utf-8", "surrogateescape")


def _text(part: Message) -> str:
    try:
        charset = str(part.get_content_charset() or "utf-8")
    except _FAILURES:
        charset = "utf-8"
    return _clean(_decode(_payload(part), charset)[:MAX_TEXT])


def _decode(data: bytes, charset: str) -> str:
    try:
        # Codecs such as "zip" or "hex" are not for text, and decode() refuses them.
        return data.decode("utf-8" if charset.lower() == "us-ascii" else charset, "replace")
    except _FAILURES:
        return data.decode("utf-8", "replace")
