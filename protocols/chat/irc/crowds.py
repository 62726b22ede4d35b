"""Lines about a crowd that joined. A member of the crowd must not get its own JOIN twice: a client
would forget who is in the channel, and wait for a list of names.

All other members get the same object, as with any batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Self

PIECE: Final = 64  # names in one object that those in the crowd share


class CrowdLines(bytes):
    """The lines of a batch with a crowd in it. ``plain``: the same, as bytes."""

    plain: bytes
    _pieces: list[bytes]
    _own: dict[str, list[tuple[int, bytes]]]  # by name: in which piece, and which lines

    @classmethod
    def of(cls, pieces: list[bytes], own: dict[str, list[tuple[int, bytes]]]) -> Self:
        """Return the lines in ``pieces``. ``own``: those about each member of the crowd."""
        plain = b"".join(pieces)
        self = cls(plain)
        self.plain, self._pieces, self._own = plain, pieces, own
        return self

    def for_member(self, name: str) -> Iterator[bytes]:
        """Yield the lines for the member called ``name``, in pieces."""
        own = dict(self._own.get(name, ()))
        if not own:
            yield self.plain
            return
        for number, piece in enumerate(self._pieces):
            lines = own.get(number)
            yield piece if lines is None else piece.replace(lines, b"", 1)
