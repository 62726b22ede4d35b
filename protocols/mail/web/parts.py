"""Part: what is attached to a mail, or an image in its HTML."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """A part that can be downloaded. ``cid``: its ``Content-ID``; ``data``: decoded."""

    name: str
    media_type: str
    cid: str
    data: bytes
