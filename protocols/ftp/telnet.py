"""The part of Telnet (RFC 854) that a control connection has: its commands are taken out."""

from __future__ import annotations

from typing import Final

_SE: Final = 240  # the lowest command
_WILL, _WONT, _DO, _DONT, _IAC = 251, 252, 253, 254, 255


class TelnetFilter:
    """Takes Telnet's commands out of the data, which may come in pieces.

    Interrupt Process and the Data Mark of a Synch, which precede ABOR, mean nothing by themselves:
    ABOR is found without them. Options that the client offers or asks for are refused (RFC 1123
    section 4.1.2.12)."""

    __slots__ = ("_begun",)

    def __init__(self) -> None:
        self._begun = b""  # a command whose end has not arrived

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Return the data without commands, and what to answer."""
        data = self._begun + data
        self._begun = b""
        if _IAC not in data:
            return data, b""
        kept, answers = bytearray(), bytearray()
        place = 0
        while (found := data.find(_IAC, place)) >= 0:
            kept += data[place:found]
            command = data[found + 1] if found + 1 < len(data) else None
            has_option = command is not None and _WILL <= command <= _DONT
            if command is None or (has_option and found + 2 == len(data)):
                self._begun = data[found:]
                return bytes(kept), bytes(answers)
            place = found + 3 if has_option else found + 2
            if command == _IAC:
                kept.append(_IAC)
            elif command < _SE:  # no command: a client has not doubled a byte of a name
                kept += bytes((_IAC, command))
            elif command in (_WILL, _DO):
                refusal = _DONT if command == _WILL else _WONT
                answers += bytes((_IAC, refusal, data[found + 2]))
        return bytes(kept + data[place:]), bytes(answers)
