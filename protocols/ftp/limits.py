"""The limits of a server: each has an option."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FTPLimits:
    """Sizes are in bytes, times in seconds.

    ``command``: the longest line; longer ones get 500. ``errors``: lines in a row that are too
    long or no commands of FTP; then 421. ``passive_ports``: ports that wait for a client or that
    may be in use for that at a time; then 425. ``wrong_passwords``: of one address in ten minutes;
    then it is locked out until they are over.

    ``login_timeout``: from connecting until the password is accepted. ``idle_timeout``: without a
    command, outside of transfers. ``data_timeout``: until a data connection is opened, and without
    progress on it.

    ``upload``: of one file, ``quota``: of all files below the folder of a user; 0: no limit.
    ``ascii_size``: the largest file for which SIZE computes the size that it has in ASCII, because
    that takes reading it."""

    command: int = 4096
    errors: int = 25
    passive_ports: int = 500
    wrong_passwords: int = 20
    login_timeout: float = 60.0
    idle_timeout: float = 300.0
    data_timeout: float = 60.0
    upload: int = 0
    quota: int = 0
    ascii_size: int = 64 << 20
