"""A filter for the commands that telnet clients mix into their text (RFC 854, RFC 855).

Whoever comes with ``telnet`` speaks a protocol in which the byte 255 (IAC, "interpret as command")
begins a command: Ctrl+C is one, and so is each offer to switch an option on. We want none of the
options, so all offers and requests are refused, and the other side remains what it is at first: a
"network virtual terminal" that sends whole lines. Everyone else is not affected, for in UTF-8 the
byte 255 never occurs.

A peer can send nothing but commands, as fast as it likes. So they are taken out many at a time, by
one regular expression, and the way in has flood control count them first.
"""

from __future__ import annotations

import re
from typing import Final

IAC: Final = b"\xff"

_DO, _DONT, _WONT, _WILL = b"\xfd", b"\xfe", b"\xfc", b"\xfb"
_REFUSALS: Final = {_WILL: _DONT, _DO: _WONT}

# As no option is ever switched on, nobody has anything to negotiate in detail. A "subnegotiation"
# that goes on for longer has lost its end, and must not swallow what is said for ever after.
MAX_SUBNEGOTIATION = 512

# Two sides that answer each other's answers would never stop, and a peer could have us fill its own
# queue. Refusing the same thing again is nevertheless right: after Ctrl+C, a client shows nothing
# until its TIMING-MARK is answered, each time (RFC 860).
MAX_ANSWERS = 256

# A subnegotiation begins with IAC SB; in it a doubled IAC is data, and IAC SE ends it. If IAC and
# another command come, the end is missing.
_DATA = rb"(?:[^\xff]|\xff\xff)"
_SUBNEGOTIATION = rb"\xff\xfa%s{0,%d}+(?:\xff\xf0)?" % (_DATA, MAX_SUBNEGOTIATION)

# A command whose end is still to come.
_CUT = rb"\xff(?:[\xfb-\xfe]|\xfa%s{0,%d}+\xff?)?\Z" % (_DATA, MAX_SUBNEGOTIATION - 1)

# Each alternative takes as many of its kind as follow one another. A doubled IAC is the byte
# itself. A 255 before anything that is no command is no IAC, but a stray byte in another encoding:
# nothing matches it, so it stays, and what follows it, perhaps a line's end, is not touched.
_COMMANDS: Final = re.compile(
    rb"(?P<simple>(?:\xff[\xf0-\xf9])+)"
    rb"|(?P<options>(?:\xff[\xfb-\xfe].)+)"
    rb"|(?P<doubled>(?:\xff\xff)+)"
    rb"|(?P<cut>%s)"
    rb"|(?P<subnegotiations>(?:(?!%s)%s)+)" % (_CUT, _CUT, _SUBNEGOTIATION),
    re.DOTALL,
)


class TelnetFilter:
    """Separates text from commands, however a connection's bytes are cut into chunks."""

    __slots__ = ("_after_cr", "_answer", "_answers_left", "_rest")

    def __init__(self) -> None:
        self._rest = b""  # the beginning of a command whose end is still to come
        self._answer = bytearray()
        self._answers_left = MAX_ANSWERS
        self._after_cr = False

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Return the text in ``data``, and the refusals to be sent; either may be empty."""
        if self._rest or IAC in data:
            data, self._rest = self._rest + data, b""
            data = _COMMANDS.sub(self._take, data)
        answer = bytes(self._answer)
        self._answer.clear()
        return self._end_lines(data), answer

    def _take(self, match: re.Match[bytes]) -> bytes:
        """Handle what ``_COMMANDS`` has found, and return what is left of it."""
        found = match[0]
        match match.lastgroup:
            case "cut":
                self._rest = found
            case "doubled":
                return found[::2]
            case "options":
                self._refuse(found)
        return b""

    def _refuse(self, options: bytes) -> None:
        # WONT and DONT are no news, as nothing is on; to answer them is how loops begin (RFC 854,
        # page 3).
        for position in range(0, len(options), 3):
            if not self._answers_left:
                return
            refusal = _REFUSALS.get(options[position + 1 : position + 2])
            if refusal is not None:
                self._answers_left -= 1
                self._answer += IAC + refusal + options[position + 2 : position + 3]

    def _end_lines(self, text: bytes) -> bytes:
        """Turn CR NUL, Enter to a client in character mode (RFC 854, page 11), into an end."""
        if not text:
            return text
        if self._after_cr and text[0] == 0:
            text = b"\n" + text[1:]
        self._after_cr = text[-1] == 13
        return text.replace(b"\r\0", b"\r\n")
