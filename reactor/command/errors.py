"""Errors of the command: one line on standard error and an exit status, without a traceback."""

from __future__ import annotations

import errno
import re
import ssl

CANNOT_START = 1
WRONG_USAGE = 2
INTERRUPTED = 130  # 128 + SIGINT, as shells report it


class CommandError(Exception):
    """An error that the user can cause and correct: printed as one line, without a traceback.

    ``status`` is the process's exit status: ``CANNOT_START`` (1) or ``WRONG_USAGE`` (2).
    """

    def __init__(self, message: str, status: int = CANNOT_START) -> None:
        super().__init__(message)
        self.status = status


def port_is_refused(exc: OSError) -> bool:
    """Whether another port would help: this one is in use, or requires root. It would not with an
    address that this machine does not have."""
    return exc.errno in (errno.EADDRINUSE, errno.EACCES)


def reason(exc: BaseException) -> str:
    """What went wrong, in a few words: the system's message without its error number."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {exc.verify_message} (see --tls-ca)"
    if isinstance(exc, ssl.SSLError) and exc.reason == "WRONG_VERSION_NUMBER":
        return "it does not use TLS"
    if isinstance(exc, OSError) and exc.strerror:
        return re.sub(r"^\[\w+: \w+\] | \(_ssl\.c:[0-9]+\)$", "", str(exc.strerror))
    return str(exc) or type(exc).__name__
