"""Reads a state document, whose values may be missing, and applies patches to it.

What a server sends is not trusted: a value of another type than expected counts as missing."""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]


def find(document: Any, *path: str) -> Any:
    """Return the value at ``path``; None if it is missing."""
    for name in path:
        if not isinstance(document, dict):
            return None
        document = document.get(name)
    return document


def number(document: Any, *path: str) -> float | None:
    """Return the number at ``path``; None if there is none."""
    return as_number(find(document, *path))


def as_number(value: Any) -> float | None:
    """Return ``value`` if it is a number that can be calculated with, else None."""
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e18:
        return value
    return None


def text(document: Any, *path: str) -> str:
    """Return the text or the number at ``path`` as text; "" if there is none."""
    value = find(document, *path)
    return str(value) if isinstance(value, str | int | float) else ""


def entries(document: Any, *path: str) -> list[Any]:
    """Return the list at ``path``; an empty one if there is none."""
    value = find(document, *path)
    return value if isinstance(value, list) else []


def table(document: Any, *path: str) -> Document:
    """Return the object at ``path``; an empty one if there is none."""
    value = find(document, *path)
    return value if isinstance(value, dict) else {}
