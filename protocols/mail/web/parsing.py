"""Reads mails that may be anything: what the list shows of one, and its content.

Nothing here raises for a malformed mail: what cannot be decoded is shown as it is. Sizes, the
number of parts and their nesting are limited. The functions take time: call them in threads."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from email.header import decode_header
from email.message import Message
from email.policy import compat32
from email.utils import parsedate_to_datetime
from typing import Any, Final

from .charsets import decode
from .html import read_html
from .parts import Part
from .structure import MAX_DEPTH, MAX_HEAD, Structure, TooMuchError

MAX_VALUE: Final = 8192  # characters of a field
MAX_SHOWN: Final = 300  # characters of a field in the list
MAX_TEXT: Final = 1 << 20  # characters of the text, and of the HTML
MAX_SEARCHED: Final = 2000  # characters of the text that are searched
MAX_RECIPIENTS: Final = 4000  # characters of the recipients that are searched
MAX_PARTS: Final = 200
_SNIPPET: Final = 160  # characters

# Where servers note the recipients of the envelope: ours writes Delivered-To.
_ENVELOPE: Final = frozenset({"delivered-to", "x-original-to"})
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# They change the direction of writing, and can make "moc.live@ada" look like "ada@evil.com".
_OVERRIDES: Final = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
_ADDRESSES: Final = frozenset({"from", "to", "cc", "bcc", "reply-to", "sender", "return-path"})
# In names of files: "gpj.exe" could look like "exe.jpg".
_UNSAFE: Final = re.compile(r'[\s"<>|*?:\ufffd\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+')
# For a mail in a mail: as it was.
_UNCHANGED: Final = compat32.clone(mangle_from_=False, max_line_length=None, linesep="\r\n")
_CHARACTER: Final = 4  # bytes of a character, at most, as a rule
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

    def first_values(self) -> dict[str, str]:
        """The first value of each field, by its name in lower case."""
        first: dict[str, str] = {}
        for name, value in self.headers:
            first.setdefault(name.lower(), value)
        return first


def summarize(data: bytes) -> Summary:
    """The summary of the mail that begins with ``data``."""
    content = read_content(data, keep_parts=False)
    first = content.first_values()
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
        _collect(Structure(data), content, keep_parts)
    except TooMuchError:
        content.problem = "The mail has too many lines and parts. Its source is complete."
    except _FAILURES:
        content.problem = "The mail is malformed. Its source is complete."
    if content.problem and content.text is None and content.html is None:
        _, _, body = data.partition(b"\r\n\r\n")
        content.text = _text(body, "utf-8")
    return content


# -- the header ------------------------------------------------------------------------------------


def _headers(data: bytes) -> list[tuple[str, str]]:
    if data.startswith(b"\r\n"):
        return []
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
    return [(_clean(name), _shown(name, _decoded(value[:MAX_VALUE]))) for name, value in fields]


def _shown(name: str, value: str) -> str:
    return _OVERRIDES.sub("\ufffd", value) if name.lower() in _ADDRESSES else value


def _decoded(value: str) -> str:
    """With encoded words (RFC 2047) decoded."""
    if "=?" in value:
        with suppress(*_FAILURES):  # it is shown as it is then
            value = "".join(_word(word, charset) for word, charset in decode_header(value))
    return _clean(value).strip()


def _word(word: bytes | str, charset: str | None) -> str:
    if isinstance(word, str):
        return word
    if charset is None:
        # decode_header makes bytes of what is around the words, with escapes for other characters.
        return word.decode("raw-unicode-escape", "replace")
    return decode(word, charset)


def _seconds(value: str) -> float | None:
    try:
        return parsedate_to_datetime(value).timestamp()
    except _FAILURES:
        return None


def _clean(text: str) -> str:
    """Without characters that cannot be shown."""
    return _CONTROLS.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


# -- the parts -------------------------------------------------------------------------------------


def _collect(structure: Structure, content: Content, keep_parts: bool) -> None:
    texts: list[str] = []
    left = MAX_PARTS
    for part in structure.leaves():
        left -= 1
        if left < 0:
            content.problem = f"Only the first {MAX_PARTS} parts are shown. The source is complete."
            break
        kind = _media_type(part)
        name = _name(part)
        attached = _is_attached(part) or bool(name)
        is_shown = not attached and (
            kind == "text/plain" or (kind == "text/html" and content.html is None)
        )
        data = b""
        if keep_parts or is_shown:
            try:
                data = _payload(part)
            except _FAILURES:
                content.problem = "A part cannot be decoded. The source is complete."
        if not is_shown:
            content.parts.append(Part(name or _default_name(kind), kind, _cid(part), data))
        elif kind == "text/html":
            content.html = _text(data, _charset(part))
        else:
            texts.append(_text(data, _charset(part)))
    if texts:
        content.text = "\n".join(texts)[:MAX_TEXT]
    if not (structure.is_complete or content.problem):
        content.problem = (
            f"Not all parts are shown: they are too many, or more than {MAX_DEPTH} deep in others."
            " The source is complete."
        )


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
    """What is in a part, decoded. It raises anything."""
    if part.is_multipart():  # a mail
        mails: Any = part.get_payload()
        return b"".join(mail.as_bytes(policy=_UNCHANGED) for mail in mails)
    payload: Any = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _charset(part: Message) -> str:
    try:
        return str(part.get_content_charset() or "utf-8")
    except _FAILURES:
        return "utf-8"


def _text(data: bytes, charset: str) -> str:
    return _clean(decode(data[: _CHARACTER * MAX_TEXT], charset)[:MAX_TEXT])
