"""TYPE A: lines end with CR LF on the way (RFC 959 section 3.1.1.1), and with LF in our files.

Data comes in pieces, and CR and LF may be in different ones. Each converter remembers what it needs
of the piece before."""

from __future__ import annotations


class ToNetwork:
    """Makes each LF a CR LF, unless there is a CR before it already."""

    __slots__ = ("_after_cr",)

    def __init__(self) -> None:
        self._after_cr = False

    def convert(self, data: bytes) -> bytes:
        """Return the next piece as it is sent."""
        if not data:
            return data
        begin = b"\n" if self._after_cr and data.startswith(b"\n") else b""
        self._after_cr = data.endswith(b"\r")
        rest = data[len(begin) :]
        return begin + rest.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


class ToLocal:
    """Makes each CR LF an LF. Other CRs stay."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = b""

    def convert(self, data: bytes) -> bytes:
        """Return the next piece as it is stored. A CR at its end waits for the next."""
        data = self._held + data
        self._held = b"\r" if data.endswith(b"\r") else b""
        return data.removesuffix(b"\r").replace(b"\r\n", b"\n")

    def end(self) -> bytes:
        """Return what is left: a CR that ended the data."""
        held, self._held = self._held, b""
        return held
