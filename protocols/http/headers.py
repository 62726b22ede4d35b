"""Headers: the header fields of a request, looked up by name."""

from __future__ import annotations

from collections.abc import Iterator


class Headers:
    """The fields of a request, in the order in which they were sent, and by name.

    Names are in lower case. Values have no white space around them, and are decoded as Latin-1,
    byte for byte, because they may hold any bytes beyond ASCII (RFC 9110 section 5.5).

    ``pairs``: of name and value."""

    __slots__ = ("_by_name", "pairs")

    def __init__(self, pairs: tuple[tuple[str, str], ...]) -> None:
        self.pairs = pairs
        self._by_name: dict[str, str] | None = None

    def get(self, name: str, default: str | None = None) -> str | None:
        """The value of the field, or ``default``. Several fields of one name are joined by ", "
        (RFC 9110 section 5.3), cookies by "; "."""
        return self.by_name().get(name.lower(), default)

    def get_all(self, name: str) -> list[str]:
        """The values of all fields of that name, in order."""
        name = name.lower()
        return [value for other, value in self.pairs if other == name]

    def by_name(self) -> dict[str, str]:
        """The value of each field, as ``get`` returns it. Do not change the dict."""
        by_name = self._by_name
        if by_name is None:
            by_name = dict(self.pairs)
            if len(by_name) < len(self.pairs):
                by_name = _joined(self.pairs)
            self._by_name = by_name
        return by_name

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self.by_name()

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    def __repr__(self) -> str:
        return f"Headers({self.pairs!r})"


def _joined(pairs: tuple[tuple[str, str], ...]) -> dict[str, str]:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return {name: ("; " if name == "cookie" else ", ").join(each) for name, each in values.items()}


def list_members(value: str) -> list[str]:
    """The members of a comma-separated list, in lower case, without empty ones (RFC 9110 section
    5.6.1)."""
    return [member for part in value.lower().split(",") if (member := part.strip(" \t"))]
