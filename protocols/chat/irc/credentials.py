"""Names and passwords of IRC operators. Only hashes of the passwords are stored.

The file given to ``--irc-operators`` has a line for each operator, with a name and a hash. Blank
lines, and lines that begin with ``#``, are ignored. This asks for a password and prints such a
line::

    python -m protocols.chat.irc.credentials alice >> operators

The hash is scrypt (RFC 7914): each guess costs an attacker who gets the file as much memory and
time as a check costs the server.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import getpass
import hashlib
import hmac
import os
import re
import sys
from pathlib import Path
from typing import Final, NamedTuple

# RFC 7914 section 2: the cost in time and memory (128 * N * R bytes, here 16 MiB), the block size
# and the parallelism.
_N: Final = 2**14
_R: Final = 8
_P: Final = 1

_MAX_MEMORY: Final = 64 * 2**20  # bytes; a file cannot ask for more
_MAX_PARALLELISM: Final = 16

_NAME = re.compile(r"[!-~]{1,64}")
_PASSWORD = re.compile(r"[^\s:]\S{0,199}")  # so that it is one parameter of OPER


class CredentialsError(Exception):
    """A file of operators that cannot be used. The text says where, and why."""


class PasswordHash(NamedTuple):
    """The hash of a password, and its parameters."""

    n: int
    r: int
    p: int
    salt: bytes
    digest: bytes

    @classmethod
    def of(cls, password: str) -> PasswordHash:
        """Return a new hash of ``password``."""
        salt = os.urandom(16)
        return cls(_N, _R, _P, salt, _digest(password, _N, _R, _P, salt))

    @classmethod
    def parse(cls, text: str) -> PasswordHash:
        """Return the hash that ``str`` wrote as ``text``. Raises ValueError if it is none."""
        scheme, *numbers, salt, digest = text.split("$")
        if scheme != "scrypt" or len(numbers) != 3:
            raise ValueError("not a hash made by scrypt")
        n, r, p = map(int, numbers)
        # OpenSSL checks the rest when the hash is first computed, which would be too late.
        if n < 2 or n & (n - 1) or r < 1 or not 1 <= p <= _MAX_PARALLELISM:
            raise ValueError("parameters that scrypt does not allow")
        if 128 * n * r > _MAX_MEMORY // 2:
            raise ValueError("parameters that need too much memory")
        return cls(n, r, p, _decoded(salt), _decoded(digest))

    def __str__(self) -> str:
        salt, digest = (base64.b64encode(part).decode() for part in (self.salt, self.digest))
        return f"scrypt${self.n}${self.r}${self.p}${salt}${digest}"

    def matches(self, password: str) -> bool:
        """Return whether this is the hash of ``password``. This takes about 50 ms of CPU time."""
        digest = _digest(password, self.n, self.r, self.p, self.salt)
        return hmac.compare_digest(digest, self.digest)


_NOBODY: Final = PasswordHash(_N, _R, _P, bytes(16), bytes(32))


class Credentials:
    """Names and password hashes of operators. ``hashes``: by name; None if there are none."""

    def __init__(self, hashes: dict[str, PasswordHash] | None = None) -> None:
        self._hashes = hashes or {}

    def __bool__(self) -> bool:
        return bool(self._hashes)

    def check(self, name: str, password: str) -> bool:
        """Return whether ``password`` is the one of the operator called ``name``.

        It computes one hash even if there is no such operator, so the time does not reveal names.
        """
        known = self._hashes.get(name)
        matches = (known or _NOBODY).matches(password)
        return matches and known is not None


def read_credentials(path: Path) -> Credentials:
    """Return the credentials in the file at ``path``.

    Raises CredentialsError for an invalid line, and OSError if the file cannot be read.
    """
    hashes: dict[str, PasswordHash] = {}
    try:
        lines = path.read_text("utf-8").splitlines()
    except UnicodeDecodeError:
        raise CredentialsError(f"{path}: not a text file") from None
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        try:
            name, text = words
            hashes[name] = PasswordHash.parse(text)
        except ValueError:
            raise CredentialsError(
                f"{path}, line {number}: must be a name and a hash, as"
                " `python -m protocols.chat.irc.credentials NAME` prints them"
            ) from None
    return Credentials(hashes)


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
    if sys.stdin.isatty():
        password = getpass.getpass(f"Password of {name}: ")
        if password != getpass.getpass("Once more: "):
            parser.error("the two passwords differ")
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not _PASSWORD.fullmatch(password):
        parser.error("a password has 1 to 200 characters, no spaces, and no colon at the beginning")
    print(name, PasswordHash.of(password))
    return 0


def _digest(password: str, n: int, r: int, p: int, salt: bytes) -> bytes:
    secret = password.encode("utf-8", "surrogateescape")
    return hashlib.scrypt(secret, salt=salt, n=n, r=r, p=p, maxmem=_MAX_MEMORY, dklen=32)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None


if __name__ == "__main__":
    sys.exit(main())
