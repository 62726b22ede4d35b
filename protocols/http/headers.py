"""Header fields of a request, as they are looked up."""

from __future__ import annotations

from collections.abc import Iterator


class Headers:
    """The fields of a request, in the order in which they came, and by name.

    Names are in lower case, values without white space around them, decoded as Latin-1: byte for
    byte, as the fields may hold any bytes beyond ASCII (RFC 9110 section 5.5)."""

    __slots__ = ("_by_name", "pairs")

    def __init__(self, pairs: tuple[tuple[str, str], ...]) -> None:
        self.pairs = pairs
        self._by_name: dict[str, list[str]] | None = None

    def get(self, name: str, default: str | None = None) -> str | None:
        """The value of the field; several of one name are joined as a list, by ", " (RFC 9110
        section 5.3), cookies by "; "."""
        values = self._index().get(name.lower())
        if values is None:
            return default
        if len(values) == 1:
            return values[0]
        return ("; " if name.lower() == "cookie" else ", ").join(values)

    def get_all(self, name: str) -> list[str]:
        """The values of all fields of that name."""
        return list(self._index().get(name.lower(), ()))

    def _index(self) -> dict[str, list[str]]:
        if self._by_name is None:
            self._by_name = {}
            for name, value in self.pairs:
                self._by_name.setdefault(name, []).append(value)
        return self._by_name

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._index()

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    def __repr__(self) -> str:
        return f"Headers({self.pairs!r})"


def list_members(value: str) -> list[str]:
    """The members of a comma-separated list, in lower case, without the empty ones (RFC 9110
    section 5.6.1)."""
    return [member for part in value.lower().split(",") if (member := part.strip(" \t"))]
