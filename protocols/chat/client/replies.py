"""The lines of the server that the client understands, and the two commands that it sends itself.

``datagrams.py`` and ``identity.py`` have the others.
"""

from __future__ import annotations

import re
from typing import Final

PING: Final = "/ping"
PONG: Final = "*** pong"
# A command whose answer is known, and which the server answers in order, after earlier commands.
SYNC: Final = "/help ping"
SYNCED: Final = "*** /ping: "  # how the answer begins

GOODBYE: Final = "*** Goodbye"
EXPIRED: Final = "*** Nothing was heard of you for "
ECHO_ON: Final = "*** You see your own lines"
ECHO_OFF: Final = "*** You do not see your own lines any more"

# The endings of the lines with which a server refuses an address over UDP.
_REFUSALS = ("try again later", "at your address already", "The server is stopping")
_TOO_LONG = re.compile(r"\*\*\* A line has at most (\d+) (?:bytes|characters)")


def is_refusal(line: str) -> bool:
    """Return whether ``line`` refuses a newcomer. Only for UDP; over TCP the server closes."""
    return line.endswith(_REFUSALS)


def longest_line(line: str) -> int | None:
    """Return the limit that ``line`` names, in bytes, if it says that a line was too long."""
    match = _TOO_LONG.match(line)
    return int(match[1]) if match else None


def is_quit(line: str) -> bool:
    """Return whether the user's ``line`` leaves the chat."""
    return line.rstrip().lower() == "quit" or line.split(" ", 1)[0].lower() == "/quit"


def is_sync(line: str) -> bool:
    """Return whether the user's ``line`` gets the same answer as ``SYNC``."""
    return line.rstrip().lower() in {SYNC, "/help /ping"}
