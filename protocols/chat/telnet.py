"""A filter for the commands that telnet clients mix into their text (RFC 854, RFC 855).

Whoever comes with ``telnet`` speaks a protocol in which the byte 255 (IAC, "interpret as command")
begins a command: Ctrl+C is one, and so is each offer to switch an option on. We want none of the
options, so all offers and requests are refused, and the other side remains what it is at first: a
"network virtual terminal" that sends whole lines. Everyone else is not affected, for in UTF-8 the
byte 255 never occurs.
"""

from __future__ import annotations

from enum import Enum

IAC = b"\xff"

_SE, _SB, _WILL, _WONT, _DO, _DONT = 240, 250, 251, 252, 253, 254
_IAC = 255
_REFUSAL = {_WILL: _DONT, _DO: _WONT}

# As no option is ever switched on, nobody has anything to negotiate in detail. A "subnegotiation"
# that goes on for longer has lost its end, and must not swallow what is said for ever after.
MAX_SUBNEGOTIATION = 512

# Two sides that answer each other's answers would never stop, and a peer could have us fill its own
# queue. Refusing the same thing again is nevertheless right: after Ctrl+C, a client shows nothing
# until its TIMING-MARK is answered, each time (RFC 860).
MAX_ANSWERS = 256


class _State(Enum):
    TEXT = 0
    COMMAND = 1  # after IAC
    OPTION = 2  # after IAC WILL, WONT, DO or DONT
    SUBNEGOTIATION = 3  # after IAC SB
    SUBNEGOTIATION_COMMAND = 4  # after IAC in there


class TelnetFilter:
    """Separates text from commands, however a connection's bytes are cut into chunks."""

    __slots__ = ("_after_cr", "_answers_left", "_state", "_sub_left", "_verb")

    def __init__(self) -> None:
        self._state = _State.TEXT
        self._verb = 0
        self._sub_left = 0
        self._answers_left = MAX_ANSWERS
        self._after_cr = False

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Return the text in ``data``, and the refusals to be sent; either may be empty."""
        text = bytearray()
        answer = bytearray()
        position = 0
        while position < len(data):
            if self._state is _State.TEXT:
                end = data.find(IAC, position)
                if end < 0:
                    text += data[position:]
                    break
                text += data[position:end]
                position = end + 1
                self._state = _State.COMMAND
            else:
                self._step(data[position], text, answer)
                position += 1
        return self._end_lines(bytes(text)), bytes(answer)

    def _step(self, byte: int, text: bytearray, answer: bytearray) -> None:
        match self._state:
            case _State.COMMAND:
                self._command(byte, text)
            case _State.OPTION:
                self._state = _State.TEXT
                # WONT and DONT are no news, as nothing is on; to answer them is how loops begin
                # (RFC 854, page 3).
                if self._verb in _REFUSAL and self._answers_left:
                    self._answers_left -= 1
                    answer += bytes((_IAC, _REFUSAL[self._verb], byte))
            case _State.SUBNEGOTIATION:
                self._sub_left -= 1
                if byte == _IAC:
                    self._state = _State.SUBNEGOTIATION_COMMAND
                elif self._sub_left <= 0:
                    self._state = _State.TEXT
            case _:
                if byte == _IAC:  # a doubled one is data
                    self._state = _State.SUBNEGOTIATION
                elif byte == _SE:
                    self._state = _State.TEXT
                else:  # the end is missing, and this is the next command
                    self._command(byte, text)

    def _command(self, byte: int, text: bytearray) -> None:
        self._state = _State.TEXT
        if byte == _SB:
            self._state = _State.SUBNEGOTIATION
            self._sub_left = MAX_SUBNEGOTIATION
        elif byte in {_WILL, _WONT, _DO, _DONT}:
            self._state = _State.OPTION
            self._verb = byte
        elif byte == _IAC or byte < _SE:
            # A doubled IAC is the byte itself; before anything that is no command it was not one
            # either, but a stray byte in another encoding. What follows it, the end of the line
            # perhaps, is not touched.
            text.append(_IAC)
            if byte != _IAC:
                text.append(byte)

    def _end_lines(self, text: bytes) -> bytes:
        """Turn CR NUL, Enter to a client in character mode (RFC 854, page 11), into an end."""
        if not text:
            return text
        if self._after_cr and text[0] == 0:
            text = b"\n" + text[1:]
        self._after_cr = text[-1] == 13
        return text.replace(b"\r\0", b"\r\n")
