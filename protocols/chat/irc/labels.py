"""IRCv3's labeled-response: the answer to a command with a label has that label.

An answer of one line gets the label itself, several become a batch, and none becomes ``ACK``
(https://ircv3.net/specs/extensions/labeled-response).
"""

from __future__ import annotations

import re
from typing import Final

from .grammar import Tags, format_line, format_tags

_END: Final = b"\r\n"
_START: Final = re.compile(rb"^(?:@[^ ]+ )?:[^ ]+ BATCH \+([^ ]+) ")


def labelled(label: str, batch: str, server: str, lines: bytes) -> bytes:
    """Return ``lines``, the answer of ``server`` to a command, with ``label``.

    ``batch``: the id of a new batch.
    """
    answer = lines.split(_END)[:-1]
    tags = (("label", label),)
    if not answer:
        return _line("ACK", source=server, tags=tags)
    if len(answer) == 1 or _is_batch(answer):
        return tagged(answer[0] + _END, *tags) + _joined(answer[1:])
    return (
        _line("BATCH", f"+{batch}", "labeled-response", source=server, tags=tags)
        + in_batch(batch, _joined(answer))
        + _line("BATCH", f"-{batch}", source=server)
    )


def in_batch(batch: str, lines: bytes) -> bytes:
    """Return ``lines`` as parts of ``batch``, but those of another batch inside it as they are."""
    return b"".join(
        [
            line + _END if _batch_of(line) else tagged(line + _END, ("batch", batch))
            for line in lines.split(_END)[:-1]
        ]
    )


def tagged(lines: bytes, *tags: tuple[str, str]) -> bytes:
    """Return ``lines`` with ``tags`` in front of those that they have."""
    text = f"@{format_tags(tags)}".encode()
    return b"".join(
        [
            text + (b";" + line[1:] if line.startswith(b"@") else b" " + line) + _END
            for line in lines.split(_END)[:-1]
        ]
    )


def _is_batch(answer: list[bytes]) -> bool:
    """Return whether ``answer`` is one batch already."""
    start = _START.search(answer[0])
    return start is not None and answer[-1].endswith(b" BATCH -" + start[1])


def _batch_of(line: bytes) -> bytes:
    """Return the batch of which ``line`` is a part, or nothing."""
    if line.startswith(b"@"):
        for tag in line[1 : line.index(b" ")].split(b";"):
            if tag.startswith(b"batch="):
                return tag.removeprefix(b"batch=")
    return b""


def _joined(lines: list[bytes]) -> bytes:
    return b"".join([line + _END for line in lines])


def _line(command: str, *params: str, source: str, tags: Tags = ()) -> bytes:
    return format_line(command, *params, source=source, tags=tags).encode() + _END
