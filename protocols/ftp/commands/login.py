"""Logging in, leaving, and TLS (RFC 4217)."""

from __future__ import annotations

import logging
from functools import partial
from typing import Final

from reactor import ThreadCall
from reactor.sockets.addresses import subscriber

from ..session import Command, FTPSession, Takes

logger = logging.getLogger(__name__)

MAX_WRONG_PASSWORDS: Final = 3  # on one connection
WRONG_DELAY: Final = 1.0  # seconds until the reply to a wrong password
_RETRY: Final = 0.2  # seconds until a check is tried again while there are too many


def _user(session: FTPSession, name: str) -> None:
    if session.server.require_tls and not session.is_secure():
        session.reply(530, "Begin TLS with AUTH TLS first")
        return
    if session.account is not None:  # RFC 959 section 4.1.1: this logs out
        session.forget_login()
        session.expect_login()
    session.user = name
    if session.server.accounts.is_anonymous(name):
        session.reply(331, "Send any password")
    else:
        session.reply(331, "Send your password")


def _pass(session: FTPSession, password: str) -> None:
    if session.account is not None:
        session.reply(202, "You have logged in already")
    elif session.user is None:
        session.reply(503, "Send USER first")
    elif (guest := session.server.accounts.anonymous) is not None and (
        session.server.accounts.is_anonymous(session.user)
    ):
        session.log_in(guest)
        session.reply(230, "Welcome, you are anonymous")
    else:
        _check(session, session.user, password)


def _check(session: FTPSession, name: str, password: str) -> None:
    checks = session.server.checks
    address = subscriber(session.peer)
    if checks.is_locked(address):  # perhaps locked while this check waited
        session.close(421, "Too many wrong passwords from your address: try again later")
        return
    if checks.is_busy(address):
        session.wait(_RETRY, partial(_check, session, name, password))
        return
    resume = session.hold()

    def checked(call: ThreadCall[bool]) -> None:
        resume(lambda: _checked(session, name, call.result()))

    checks.start(address, session.server.accounts.passwords, name, password, checked)


def _checked(session: FTPSession, name: str, right: bool) -> None:
    if right:
        session.log_in(session.server.accounts.user(name))
        session.reply(230, "Welcome")
        return
    logger.warning("wrong password for the user %.64r, from %s", name, session.peer)
    session.wait(WRONG_DELAY, partial(_refuse, session))


def _refuse(session: FTPSession) -> None:
    session.user = None
    session.wrong_passwords += 1
    if session.wrong_passwords >= MAX_WRONG_PASSWORDS:
        session.reply(530, "Wrong name or password")
        session.close(421, "Too many wrong passwords")
    else:
        session.reply(530, "Wrong name or password")


def _acct(session: FTPSession, argument: str) -> None:
    session.reply(202, "No account is needed")


def _rein(session: FTPSession, argument: str) -> None:
    session.reset()
    session.expect_login()
    session.reply(220, "You have logged out")


def _quit(session: FTPSession, argument: str) -> None:
    session.close(221, "Goodbye")


# -- TLS -------------------------------------------------------------------------------------------


def _auth(session: FTPSession, mechanism: str) -> None:
    # RFC 4217 section 2: TLS, or its older name TLS-C.
    if mechanism.strip().upper() not in ("TLS", "TLS-C"):
        session.reply(504, "Only TLS is possible")
    elif session.server.context is None:
        session.reply(431, "There is no certificate")  # RFC 2228 section 3
    elif session.is_secure():
        session.reply(503, "TLS is in use already")
    else:
        session.transport.set_write_buffer_limits(high=0)  # the reply leaves at once
        session.reply(234, "Begin the handshake")
        if session.transport.get_write_buffer_size():
            session.transport.abort()  # the client does not read its replies
        else:
            session.secure()


def _pbsz(session: FTPSession, size: str) -> None:
    if not session.is_secure():
        session.reply(503, "Begin TLS with AUTH TLS first")
    elif not size.isascii() or not size.isdecimal() or len(size) > 10:
        session.reply(501, "Expected a number")
    else:
        session.has_buffer_size = True
        session.reply(200, "PBSZ=0")  # RFC 4217 section 8: TLS does not use it


def _prot(session: FTPSession, level: str) -> None:
    level = level.strip().upper()
    if not session.has_buffer_size or not session.is_secure():
        session.reply(503, "Send PBSZ first")
    elif level == "P":
        session.protected = True
        session.reply(200, "Data connections use TLS")
    elif level == "C" and session.server.require_tls:
        session.reply(534, "Data connections must use TLS")
    elif level == "C":
        if session.protected:
            session.close_port()  # a client that has connected to it may have begun TLS
        session.protected = False
        session.reply(200, "Data connections do not use TLS")
    elif level in ("S", "E"):
        session.reply(536, "TLS has only the levels C and P")
    else:
        session.reply(504, "Expected C or P")


def _ccc(session: FTPSession, argument: str) -> None:
    if session.is_secure():
        session.reply(534, "The control connection stays protected")
    else:
        session.reply(533, "The control connection is not protected")


COMMANDS: Final = {
    "USER": Command(_user, Takes.ARGUMENT, login=False),
    "PASS": Command(_pass, Takes.OPTIONAL, login=False),
    "ACCT": Command(_acct, Takes.ARGUMENT, login=False),
    "REIN": Command(_rein, login=False),
    "QUIT": Command(_quit, login=False),
    "AUTH": Command(_auth, Takes.ARGUMENT, login=False),
    "PBSZ": Command(_pbsz, Takes.ARGUMENT, login=False),
    "PROT": Command(_prot, Takes.ARGUMENT, login=False),
    "CCC": Command(_ccc, login=False),
}
