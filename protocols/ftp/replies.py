"""Replies: a code of three digits and text (RFC 959 section 4.2)."""

from __future__ import annotations

import re
from typing import Final

_CONTROL: Final = re.compile("[\0-\x1f\x7f]")


def render_reply(code: int, *lines: str) -> bytes:
    """Return the reply as it is sent. ``lines``: with several of them the first and the last have
    the code, and those between are indented by a space, so that no line of text looks like the
    last one."""
    clean = [_CONTROL.sub("?", line) for line in lines]
    if len(clean) == 1:
        text = f"{code} {clean[0]}\r\n"
    else:
        between = "".join(f" {line}\r\n" for line in clean[1:-1])
        text = f"{code}-{clean[0]}\r\n{between}{code} {clean[-1]}\r\n"
    return text.encode("utf-8", "surrogateescape")
