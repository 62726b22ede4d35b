"""The file given to ``--irc-operators``: names and passwords of IRC operators.

It has a line for each operator, with a name and the hash of a password. Blank lines, and lines that
begin with ``#``, are ignored. This asks for a password and prints such a line::

    python -m protocols.chat.irc.credentials alice >> operators
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from ...passwords import PasswordHash, Passwords, ask_password, read_passwords

_NAME = re.compile(r"[!-~]{1,64}")
_PASSWORD = re.compile(r"[^\s:]\S{0,199}")  # so that it is one parameter of OPER


def read_operators(path: Path) -> Passwords:
    """Return the operators in the file at ``path``.

    Raises PasswordsError for an invalid line, and OSError if the file cannot be read.
    """
    return read_passwords(path, "python -m protocols.chat.irc.credentials NAME")


def main(arguments: list[str] | None = None) -> int:
    """Ask for a password, and print the line for a file of operators."""
    parser = argparse.ArgumentParser(
        prog="python -m protocols.chat.irc.credentials",
        description="Ask for a password, and print a line for the file of --irc-operators. A"
        " password that is piped in is read from the first line.",
    )
    parser.add_argument("name", metavar="NAME", help="name of the operator, as typed after /oper")
    name = parser.parse_args(arguments).name
    if not _NAME.fullmatch(name) or name.startswith("#"):
        parser.error("NAME has 1 to 64 visible ASCII characters, and does not begin with #")
    try:
        password = ask_password(f"Password of {name}: ")
    except ValueError as exc:
        parser.error(str(exc))
    if not _PASSWORD.fullmatch(password):
        parser.error("a password has 1 to 200 characters, no spaces, and no colon at the beginning")
    print(name, PasswordHash.of(password))
    return 0


if __name__ == "__main__":
    sys.exit(main())
