"""Passwords of users: their hashes, files of them, and checks that do not block the loop.

Only hashes are stored. The hash is scrypt (RFC 7914): each guess costs an attacker who gets the
file as much memory and time as a check costs the server.
"""

from __future__ import annotations

import base64
import binascii
import getpass
import hashlib
import hmac
import os
import queue
import re
import sys
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Mapping
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from reactor import Reactor, ThreadCall

# RFC 7914 section 2: the cost in time and memory (128 * N * R bytes, here 16 MiB), the block size
# and the parallelism.
_N: Final = 2**14
_R: Final = 8
_P: Final = 1

_HASH: Final = re.compile(r"scrypt\$([0-9]{1,9})\$([0-9]{1,9})\$([0-9]{1,9})\$([^$]+)\$([^$]+)")

_MAX_MEMORY: Final = 64 * 2**20  # bytes; a file cannot ask for more
_MAX_PARALLELISM: Final = 16

_MAX_PASSWORD: Final = 200  # characters; the longest that the command accepts

_MAX_ADDRESSES: Final = 10_000  # whose wrong passwords are remembered
_RETRY: Final = 0.1  # seconds until the next attempt to get a thread


class PasswordsError(Exception):
    """Accounts that cannot be used. The text says where, and why."""


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
        match = _HASH.fullmatch(text)
        if match is None:
            raise ValueError("this is no hash of a password, as --hash-password prints it")
        n, r, p = map(int, match.groups()[:3])
        # OpenSSL checks the rest when the hash is first computed, which would be too late.
        if n < 2 or n & (n - 1) or r < 1 or not 1 <= p <= _MAX_PARALLELISM:
            raise ValueError("parameters that scrypt does not allow")
        if 128 * n * r > _MAX_MEMORY // 2:
            raise ValueError("parameters that need too much memory")
        return cls(n, r, p, _decoded(match[4]), _decoded(match[5]))

    def __str__(self) -> str:
        salt, digest = (base64.b64encode(part).decode() for part in (self.salt, self.digest))
        return f"scrypt${self.n}${self.r}${self.p}${salt}${digest}"

    def matches(self, password: str) -> bool:
        """Return whether this is the hash of ``password``. This takes about 50 ms of CPU time."""
        digest = _digest(password, self.n, self.r, self.p, self.salt)
        return hmac.compare_digest(digest, self.digest)


_NOBODY: Final = PasswordHash(_N, _R, _P, bytes(16), bytes(32))


class Passwords:
    """Names of users and the hashes of their passwords. ``hashes``: by name; None: no users."""

    def __init__(self, hashes: Mapping[str, PasswordHash] | None = None) -> None:
        self._hashes = dict(hashes or {})

    def __bool__(self) -> bool:
        return bool(self._hashes)

    def check(self, name: str, password: str) -> bool:
        """Return whether ``password`` is the one of the user called ``name``.

        It computes one hash even if there is no such user, so the time does not reveal names.
        """
        known = self._hashes.get(name)
        matches = (known or _NOBODY).matches(password)
        return matches and known is not None


def read_passwords(path: Path, hint: str) -> Passwords:
    """Return the users in the file at ``path``: a line for each, with a name and a hash.

    Blank lines, and lines that begin with ``#``, are ignored. ``hint``: the command that prints
    such lines. Raises PasswordsError for an invalid line, and OSError if the file cannot be read.
    """
    hashes: dict[str, PasswordHash] = {}
    for number, line in account_lines(path):
        try:
            name, text = line.split()
            hashes[name] = PasswordHash.parse(text)
        except ValueError:
            raise PasswordsError(
                f"{path}, line {number}: must be a name and a hash, as `{hint}` prints them"
            ) from None
    return Passwords(hashes)


def account_lines(path: Path) -> list[tuple[int, str]]:
    """Return the lines of a file of accounts with their numbers, without blank lines and comments.

    Raises PasswordsError if it is not UTF-8, and OSError if the file cannot be read."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except UnicodeDecodeError:
        raise PasswordsError(f"{path}: not a text file") from None
    stripped = ((number, line.strip()) for number, line in enumerate(lines, 1))
    return [(number, line) for number, line in stripped if line and not line.startswith("#")]


class PasswordChecks:
    """Checks passwords in threads, and slows down those who guess.

    ``at_once``: checks at the same time: each takes a thread and 16 MiB of memory.
    ``at_once_per_address``: how many of them one address may have. A wrong password counts for
    ``wrong_delay`` seconds as one that is being checked, so this limits the guesses of an address
    per second. After ``max_wrong`` wrong passwords within ``wrong_window`` seconds the address is
    locked out until that time is over; None: never."""

    def __init__(
        self,
        reactor: Reactor,
        *,
        at_once: int = 4,
        at_once_per_address: int = 3,
        wrong_delay: float = 1.0,
        max_wrong: int | None = None,
        wrong_window: float = 600.0,
    ) -> None:
        self.at_once = at_once
        self.at_once_per_address = at_once_per_address
        self.wrong_delay = wrong_delay
        self.max_wrong = max_wrong
        self.wrong_window = wrong_window
        self._reactor = reactor
        self._running = 0
        self._held: Counter[Hashable] = Counter()  # by address: running, or wrong a moment ago
        self._wrong: OrderedDict[Hashable, tuple[int, float]] = OrderedDict()  # how many, until

    def __bool__(self) -> bool:
        """Whether any address has checks that count."""
        return bool(self._held)

    def is_busy(self, address: Hashable) -> bool:
        """Return whether ``address`` has to wait before ``start``."""
        return self._running >= self.at_once or self._held[address] >= self.at_once_per_address

    def is_locked(self, address: Hashable) -> bool:
        """Return whether too many wrong passwords came from ``address``."""
        count, until = self._wrong.get(address, (0, 0.0))
        if self._reactor.now >= until:
            self._wrong.pop(address, None)
            return False
        return self.max_wrong is not None and count >= self.max_wrong

    def start(
        self,
        address: Hashable,
        passwords: Passwords,
        name: str,
        password: str,
        on_end: Callable[[ThreadCall[bool]], object],
    ) -> None:
        """Check whether ``password`` is the one of ``name``. Then ``on_end(call)`` is called in the
        loop: ``call.result()`` tells, or raises what the check has raised.

        ``address``: what the peer's attempts are counted by, see ``subscriber()``. Ask
        ``is_busy()`` first. While there is no thread for it, the check waits."""
        self._running += 1
        self._held[address] += 1
        self._begin(partial(passwords.check, name, password), partial(self._end, address, on_end))

    def _begin(
        self, check: Callable[[], bool], on_end: Callable[[ThreadCall[bool]], object]
    ) -> None:
        try:
            call = self._reactor.run_in_thread(check)
        except (queue.Full, RuntimeError):  # too many calls wait; no thread can be started
            self._reactor.call_later(_RETRY, self._begin, check, on_end)
        else:
            call.add_done_callback(on_end)

    def _end(
        self,
        address: Hashable,
        on_end: Callable[[ThreadCall[bool]], object],
        call: ThreadCall[bool],
    ) -> None:
        self._running -= 1
        failed = call.exception() is not None
        if not failed and call.result():
            self._release(address)
        else:
            self._reactor.call_later(self.wrong_delay, self._release, address)
            if not failed:
                self._count_wrong(address)
        on_end(call)

    def _release(self, address: Hashable) -> None:
        self._held[address] -= 1
        if not self._held[address]:
            del self._held[address]

    def _count_wrong(self, address: Hashable) -> None:
        if self.max_wrong is None:
            return
        now = self._reactor.now
        count, until = self._wrong.pop(address, (0, 0.0))
        if now >= until:
            count, until = 0, now + self.wrong_window
        self._wrong[address] = (count + 1, until)
        if len(self._wrong) > _MAX_ADDRESSES:
            self._wrong.popitem(last=False)


def ask_password(prompt: str = "Password: ") -> str:
    """Return the password that the user types twice, or the first line of standard input if that
    is not a terminal. Raises ValueError if the two differ, or if there is none."""
    if sys.stdin.isatty():
        password = getpass.getpass(prompt)
        if password != getpass.getpass("Once more: "):
            raise ValueError("the two passwords differ")
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not 1 <= len(password) <= _MAX_PASSWORD or re.search(r"[\0\r\n]", password):
        raise ValueError(f"a password has 1 to {_MAX_PASSWORD} characters")
    return password


def _digest(password: str, n: int, r: int, p: int, salt: bytes) -> bytes:
    secret = password.encode("utf-8", "surrogateescape")
    return hashlib.scrypt(secret, salt=salt, n=n, r=r, p=p, maxmem=_MAX_MEMORY, dklen=32)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None
