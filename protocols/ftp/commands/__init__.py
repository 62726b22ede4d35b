"""The commands, by what they are about."""

from __future__ import annotations

from typing import Final

from ..session import Command
from . import changes, information, listings, login, parameters, transfer

COMMANDS: Final[dict[str, Command]] = {
    **login.COMMANDS,
    **parameters.COMMANDS,
    **transfer.COMMANDS,
    **listings.COMMANDS,
    **changes.COMMANDS,
    **information.COMMANDS,
}
