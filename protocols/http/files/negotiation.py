"""Accept-Encoding (RFC 9110 section 12.5.3): which compressed neighbour of a file to send."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

# The content codings of neighbours, the best first, and the suffixes of their names.
SUFFIXES: Final = {"br": b".br", "gzip": b".gz"}
_MEMBER: Final = re.compile(
    # White space is stripped before: two adjacent runs of it would make the time quadratic.
    r"([!#$%&'*+.^_`|~0-9a-z-]+)(?:[ \t]*;[ \t]*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?"
).fullmatch


def choose_coding(accept: str | None, available: Iterable[str]) -> str | None:
    """The content coding in ``available`` that the client prefers; None for the file itself, even
    if the client does not accept that."""
    if accept is None:
        return None
    weights = _weights(accept)
    default = weights.get("*", 0.0)
    best, best_weight = None, weights.get("identity", default)
    for coding in reversed(list(available)):
        weight = weights.get(coding, default)
        if weight > 0 and weight >= best_weight:
            best, best_weight = coding, weight
    return best


def _weights(accept: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for part in accept.lower().split(","):
        match = _MEMBER(part.strip(" \t"))
        if match is not None:
            name = match[1].removeprefix("x-")  # x-gzip (section 8.4.1.3)
            weights.setdefault(name, float(match[2] or 1.0))
    return weights
