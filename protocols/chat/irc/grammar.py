"""The grammar of IRC: one line as its parts, and parts as one line (RFC 1459 section 2.3.1).

    @tag=value;other :source COMMAND middle middle :trailing words

Pure functions, without connections.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from protocols.text import clean_text

MAX_LINE: Final = 512  # bytes of a line without its tags, with CR LF (RFC 1459 section 2.3)
MAX_CLIENT_TAGS: Final = 4094  # bytes of a client's tags, between the "@" and the space (IRCv3)
MAX_TAGS: Final = 8191  # bytes of all tags, with the "@" and the space (IRCv3 message-tags)
MAX_PARAMS: Final = 15

# IRCv3 message-tags, "Escaping values".
_ESCAPES: Final = {":": ";", "s": " ", "\\": "\\", "r": "\r", "n": "\n"}
_ESCAPED: Final = str.maketrans(
    {";": "\\:", " ": "\\s", "\\": "\\\\", "\r": "\\r", "\n": "\\n", "\0": ""}
)
_ESCAPE = re.compile(r"\\(.?)", re.DOTALL)
_CLIENT_TAG = re.compile(r"\+(?:[A-Za-z0-9.-]+/)?[A-Za-z0-9-]+")

_COMMAND = re.compile(r"[A-Za-z][A-Za-z_]*|[0-9]{3}")
_FORBIDDEN: Final = str.maketrans(dict.fromkeys("\0\r\n"))

Tags = tuple[tuple[str, str], ...]


class LineError(ValueError):
    """A line that is not an IRC message. ``too_long``: because it has too many bytes."""

    def __init__(self, text: str, *, too_long: bool = False) -> None:
        super().__init__(text)
        self.too_long = too_long


class Line(NamedTuple):
    """One message. ``command`` is in upper case; a tag without a value has the value ``""``."""

    tags: dict[str, str]
    source: str
    command: str
    params: list[str]

    def param(self, index: int) -> str:
        """Return the parameter with this index, or an empty one."""
        return self.params[index] if index < len(self.params) else ""

    @property
    def client_tags(self) -> Tags:
        """The tags that a client may pass on to others: names that begin with ``+``."""
        return tuple([(k, v) for k, v in self.tags.items() if _CLIENT_TAG.fullmatch(k)])


def parse_line(text: str) -> Line | None:
    """Return the message in ``text``, a line without its ending; None if it is blank.

    Raises LineError.
    """
    tags: dict[str, str] = {}
    if text.startswith("@"):
        packed, _, text = text[1:].partition(" ")
        if _size(packed) > MAX_CLIENT_TAGS:
            raise LineError("Too many tags", too_long=True)
        tags = parse_tags(packed)
    if _size(text) > MAX_LINE - 2:
        raise LineError("The line is too long", too_long=True)
    text = text.lstrip(" ")
    source = ""
    if text.startswith(":"):
        source, _, text = text[1:].partition(" ")
        text = text.lstrip(" ")
    if not text:
        return None
    text, colon, trailing = text.partition(" :")
    command, *params = [word for word in text.split(" ") if word]
    if colon:
        params.append(trailing)
    if not _COMMAND.fullmatch(command):
        raise LineError("That is no command")
    if len(params) > MAX_PARAMS:  # the rest is one trailing parameter, with or without a colon
        params[MAX_PARAMS - 1 :] = [" ".join(params[MAX_PARAMS - 1 :])]
    return Line(tags, source, command.upper(), params)


def parse_tags(packed: str) -> dict[str, str]:
    """Return the names and values in ``packed``, such as ``a=1;+b;c=x\\sy``. The last of those
    with the same name counts."""
    tags = {}
    for tag in packed.split(";"):
        name, _, value = tag.partition("=")
        if name:
            tags[name] = _ESCAPE.sub(_unescaped, value) if "\\" in value else value
    return tags


def format_line(command: str, *params: str, source: str = "", tags: Tags = ()) -> str:
    """Return a message as a line, without its ending.

    The last parameter may be empty, and may have spaces and a colon. NUL, CR and LF are removed
    from all parts, so that no text can begin a line of its own. Without its tags, the line is cut
    to ``MAX_LINE`` bytes, with its ending and between two characters.
    """
    words = [f":{source}", command] if source else [command]
    if params:
        *middle, last = params
        words += [_middle(word) for word in middle]
        plain = last and " " not in last and not last.startswith(":")
        words.append(last if plain else f":{last}")
    line = " ".join(words)
    if "\n" in line or "\r" in line or "\0" in line:  # translating takes longer than this
        line = line.translate(_FORBIDDEN)
    line = cut(line, MAX_LINE - 2)
    return f"@{format_tags(tags)} {line}" if tags else line


def format_tags(tags: Iterable[tuple[str, str]]) -> str:
    """Return ``tags`` as they stand in a line, escaped."""
    return ";".join(
        [f"{name}={value.translate(_ESCAPED)}" if value else name for name, value in tags]
    )


def cut(text: str, size: int) -> str:
    """Return as much of ``text`` as fits into ``size`` bytes of UTF-8."""
    if len(text) * 4 <= size or _size(text) <= size:
        return text
    return text.encode()[:size].decode(errors="ignore")


def split(text: str, size: int) -> list[str]:
    """Return ``text`` in parts of at most ``size`` bytes of UTF-8, each cut between two characters,
    at a space if one is near the end."""
    parts = []
    while len(text) * 4 > size and _size(text) > size:
        part = cut(text, size)
        space = part.rfind(" ", len(part) // 2)
        if space > 0:
            part = part[:space]
        parts.append(part)
        text = text[len(part) :].removeprefix(" ")
    return [*parts, text]


# Bold, italic, underline, strikethrough, monospace, reverse and reset; colours with their numbers
# (modern.ircdocs.horse/formatting).
_FORMATTING = re.compile(
    r"\x03(?:[0-9]{1,2}(?:,[0-9]{1,2})?)?"
    r"|\x04(?:[0-9A-Fa-f]{6}(?:,[0-9A-Fa-f]{6})?)?"
    r"|[\x02\x0f\x11\x16\x1d\x1e\x1f]"
)
_FORMATS = re.compile(f"({_FORMATTING.pattern})")


def without_formatting(text: str) -> str:
    """Return ``text`` cleaned for everybody: without codes of IRC, and without whatever else could
    control a terminal."""
    return clean_text(text if text.isprintable() else _FORMATTING.sub("", text))


def with_formatting(text: str) -> str:
    """Return ``text`` cleaned in the same way, but with the codes of IRC."""
    if text.isprintable():
        return clean_text(text)
    return "".join(
        [
            piece if number % 2 else clean_text(piece)
            for number, piece in enumerate(_FORMATS.split(text))
        ]
    )


def _middle(word: str) -> str:
    """Return ``word`` as a parameter that is not the last. It has no space, and is not empty."""
    if word and " " not in word and word[0] != ":":
        return word
    return word.replace(" ", "").lstrip(":") or "*"


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _unescaped(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[1], match[1])
