"""Parameters of transfers: the representation, and where the data connection comes from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..addresses import (
    LOWEST_ACTIVE_PORT,
    WrongFamily,
    parse_extended_port_argument,
    parse_port_argument,
)
from ..data import NoPortFree, PassivePort
from ..session import Command, FTPSession, Takes


def _type(session: FTPSession, argument: str) -> None:
    words = argument.upper().split()
    if words in (["A"], ["A", "N"]):
        session.text = True
        session.reply(200, "Type is ASCII")
    elif words in (["I"], ["L", "8"], ["L8"]):
        session.text = False
        session.reply(200, "Type is binary")
    elif words and words[0][0] in "AEL":
        session.reply(504, "Only A, I and L 8 are possible")
    else:
        session.reply(501, "Expected A, I or L 8")


def _mode(session: FTPSession, argument: str) -> None:
    _only(session, argument, "S", ("B", "C"), "Mode is stream")


def _stru(session: FTPSession, argument: str) -> None:
    _only(session, argument, "F", ("R", "P"), "Structure is file")


def _only(
    session: FTPSession, argument: str, possible: str, others: tuple[str, ...], text: str
) -> None:
    value = argument.strip().upper()
    if value == possible:
        session.reply(200, text)
    elif value in others:
        session.reply(504, f"Only {possible} is possible")
    else:
        session.reply(501, f"Expected {possible}")


# -- we listen -------------------------------------------------------------------------------------


def _pasv(session: FTPSession, argument: str) -> None:
    local = session.local
    if session.extended_only:
        session.reply(503, "After EPSV ALL only EPSV is possible")
    elif ":" in local:
        session.reply(425, "PASV is for IPv4 only: use EPSV")
    elif (port := _listen(session, local)) is not None:
        numbers = (session.server.ports.public_address or local).split(".")
        high, low = divmod(port.address[1], 256)
        session.reply(227, f"Entering Passive Mode ({','.join(numbers)},{high},{low})")


def _epsv(session: FTPSession, argument: str) -> None:
    local = session.local
    family = "2" if ":" in local else "1"
    wanted = argument.strip().upper()
    if wanted == "ALL":
        session.extended_only = True
        session.reply(200, "Only EPSV is possible from now on")
    elif wanted not in ("", "1", "2"):
        session.reply(501, "Expected 1, 2 or ALL")
    elif wanted not in ("", family):
        session.reply(522, f"Network protocol not supported, use ({family})")
    elif (port := _listen(session, local)) is not None:
        session.reply(229, f"Entering Extended Passive Mode (|||{port.address[1]}|)")


def _listen(session: FTPSession, local: str) -> PassivePort | None:
    """Listen at ``local`` for the next transfer. If that is not possible, send the reply."""
    session.close_port()
    try:
        port = session.server.ports.passive(local, session.peer, session.data_context())
    except NoPortFree:
        session.reply(425, "No passive port is free: try again later")
        return None
    except OSError as exc:
        session.fail(exc, 425)
        return None
    session.set_port(port)
    return port


# -- the client listens ----------------------------------------------------------------------------


def _port(session: FTPSession, argument: str) -> None:
    _connect(session, argument, parse_port_argument)


def _eprt(session: FTPSession, argument: str) -> None:
    _connect(session, argument, parse_extended_port_argument)


def _connect(session: FTPSession, argument: str, parse: Callable[[str], tuple[str, int]]) -> None:
    if session.extended_only:
        session.reply(503, "After EPSV ALL only EPSV is possible")
        return
    try:
        address, number = parse(argument)
    except WrongFamily:
        session.reply(522, "Network protocol not supported, use (1,2)")
        return
    except ValueError as exc:
        session.reply(501, str(exc))
        return
    # RFC 2577 section 3: not to other machines, and not to the ports of well-known services.
    if address != session.peer:
        session.reply(504, "Data connections are made to your own address only")
    elif number < LOWEST_ACTIVE_PORT:
        session.reply(504, f"Data connections are made to ports from {LOWEST_ACTIVE_PORT} on")
    else:
        session.set_port(session.server.ports.active(session.local, session.peer, number))
        session.reply(200, "The next transfer connects to this port")


COMMANDS: Final = {
    "TYPE": Command(_type, Takes.ARGUMENT),
    "MODE": Command(_mode, Takes.ARGUMENT),
    "STRU": Command(_stru, Takes.ARGUMENT),
    "PASV": Command(_pasv),
    "EPSV": Command(_epsv, Takes.OPTIONAL),
    "PORT": Command(_port, Takes.ARGUMENT),
    "EPRT": Command(_eprt, Takes.ARGUMENT),
}
