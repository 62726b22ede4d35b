"""``python -m reactor --hash-password``: makes the hash of a password for a file of users."""

from __future__ import annotations

import argparse

from reactor.command import WRONG_USAGE, CommandError, Extension

from .passwords import PasswordHash, ask_password


class HashPassword(Extension):
    """Asks for a password, and prints its hash."""

    def add_arguments(self, parser: argparse._ActionsContainer) -> None:
        parser.add_argument(
            "--hash-password",
            action="store_true",
            help="ask for a password, or read it from standard input, print its hash, and exit",
        )

    def run(self, options: argparse.Namespace) -> int | None:
        if not options.hash_password:
            return None
        try:
            password = ask_password()
        except ValueError as exc:
            raise CommandError(str(exc), WRONG_USAGE) from exc
        print(PasswordHash.of(password))
        return 0


extension = HashPassword()
