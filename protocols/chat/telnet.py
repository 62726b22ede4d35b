"""A filter for the commands that telnet clients mix into their text (RFC 854, RFC 855).

In telnet's protocol the byte 255 (IAC, "interpret as command") begins a command. Ctrl+C sends one,
and so does each offer to enable an option. We want none of the options and refuse all offers and
requests, so the client stays what it is at first: a "network virtual terminal" that sends whole
lines. Other clients are not affected, because the byte 255 never occurs in UTF-8.

A peer can send only commands, as fast as it likes. So one regular expression removes many at a
time, and flood control counts them first.
"""

from __future__ import annotations

import re
from typing import Final

IAC: Final = b"\xff"

_DO, _DONT, _WONT, _WILL = b"\xfd", b"\xfe", b"\xfc", b"\xfb"
_REFUSALS: Final = {_WILL: _DONT, _DO: _WONT}

# No option is ever enabled, so there is nothing to negotiate in detail. A "subnegotiation" longer
# than this, in bytes, has lost its end, and must not swallow everything that follows.
MAX_SUBNEGOTIATION = 512

# Answers on one connection. Two sides that answer each other's answers would never stop, and a peer
# could fill its own queue with our answers. But the same request has to be refused again each time:
# after Ctrl+C, a client shows nothing until its TIMING-MARK is answered (RFC 860).
MAX_ANSWERS = 256

# A subnegotiation begins with IAC SB. In it a doubled IAC is data, and IAC SE ends it. Any other
# command in it means that the end is missing.
_DATA = rb"(?:[^\xff]|\xff\xff)"
_SUBNEGOTIATION = rb"\xff\xfa%s{0,%d}+(?:\xff\xf0)?" % (_DATA, MAX_SUBNEGOTIATION)

# An incomplete command.
_CUT = rb"\xff(?:[\xfb-\xfe]|\xfa%s{0,%d}+\xff?)?\Z" % (_DATA, MAX_SUBNEGOTIATION - 1)

# Each alternative matches as many of its kind as follow one another. A doubled IAC is the byte
# itself. A 255 that no command follows is a stray byte in another encoding: nothing matches it, so
# it stays, and so does what follows it, which may be the end of a line.
_COMMANDS: Final = re.compile(
    rb"(?P<simple>(?:\xff[\xf0-\xf9])+)"
    rb"|(?P<options>(?:\xff[\xfb-\xfe].)+)"
    rb"|(?P<doubled>(?:\xff\xff)+)"
    rb"|(?P<cut>%s)"
    rb"|(?P<subnegotiations>(?:(?!%s)%s)+)" % (_CUT, _CUT, _SUBNEGOTIATION),
    re.DOTALL,
)


class TelnetFilter:
    """Separates text from commands. It does not matter how the bytes are cut into chunks."""

    __slots__ = ("_after_cr", "_answer", "_answers_left", "_rest")

    def __init__(self) -> None:
        self._rest = b""  # the beginning of an incomplete command
        self._answer = bytearray()
        self._answers_left = MAX_ANSWERS
        self._after_cr = False

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Return the text in ``data``, and the refusals to send; either may be empty."""
        if self._rest or IAC in data:
            data, self._rest = self._rest + data, b""
            data = _COMMANDS.sub(self._replace, data)
        answer = bytes(self._answer)
        self._answer.clear()
        return self._end_lines(data), answer

    def _replace(self, match: re.Match[bytes]) -> bytes:
        """Handle the commands in ``match``, and return the text that replaces them."""
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
        # WONT and DONT change nothing, because no option is on, and an answer to them would begin a
        # loop (RFC 854, page 3).
        for position in range(0, len(options), 3):
            if not self._answers_left:
                return
            refusal = _REFUSALS.get(options[position + 1 : position + 2])
            if refusal is not None:
                self._answers_left -= 1
                self._answer += IAC + refusal + options[position + 2 : position + 3]

    def _end_lines(self, text: bytes) -> bytes:
        """Turn CR NUL, which a client in character mode sends for Enter, into CR LF (RFC 854, page
        11)."""
        if not text:
            return text
        if self._after_cr and text[0] == 0:
            text = b"\n" + text[1:]
        self._after_cr = text[-1] == 13
        return text.replace(b"\r\0", b"\r\n")
