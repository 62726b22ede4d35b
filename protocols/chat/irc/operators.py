"""Operators of the server: OPER, WALLOPS and KILL.

A client becomes one with a name and password of ``--irc-operators``: see ``credentials.py``. The
operators of a room are something else.
"""

from __future__ import annotations

import logging
from typing import Final

from reactor import ThreadCall
from reactor.errors import FATAL

from .channels import member_of
from .connection import Command, IRCConnection
from .grammar import Line, without_formatting
from .modes import change_modes
from .numerics import Reply
from .people import connection_of, connections, is_operator
from .user_modes import UserMode

logger = logging.getLogger(__name__)

MAX_WRONG_PASSWORDS: Final = 3  # of one client, which is then disconnected


def _oper(client: IRCConnection, line: Line) -> None:
    server = client.server
    if not server.credentials:
        client.reply(Reply.NOOPERHOST)
    elif server.checks.is_busy(client.origin):
        client.reply(Reply.TRYAGAIN, line.command, "Others are giving their passwords: try again")
    else:
        client.pause_commands()
        server.checks.start(
            client.origin,
            server.credentials,
            line.param(0),
            line.param(1),
            lambda call: _finish(client, line, call),
        )


def _finish(client: IRCConnection, line: Line, call: ThreadCall[bool]) -> None:
    if call.exception() is None and not call.result():
        peer = client.transport.get_extra_info("peername")
        logger.warning("wrong password for the operator %.64r, from %s", line.param(0), peer)
    member = client.member
    if member is None or member.gone:
        return
    try:
        client.answer(line, _report_result, client, call.result())
        client.resume_commands()
    except FATAL:
        raise
    except BaseException as exc:  # only this connection fails
        member.fail(exc)


def _report_result(client: IRCConnection, right: bool) -> None:
    if right:
        client.reply(Reply.YOUREOPER)
        change_modes(client, client.modes | UserMode.OPERATOR)
        return
    client.wrong_passwords += 1
    client.reply(Reply.PASSWDMISMATCH)
    if client.wrong_passwords >= MAX_WRONG_PASSWORDS:
        member_of(client).dismiss("wrong passwords", "Too many wrong passwords")


def _wallops(client: IRCConnection, line: Line) -> None:
    if not _check_operator(client):
        return
    member = member_of(client)
    text = without_formatting(line.param(0))
    if not text:
        client.reply(Reply.NEEDMOREPARAMS, line.command)
        return
    for other in connections(tuple(member.hub.members.values())):
        if UserMode.WALLOPS in other.modes:
            other.send(line.command, text, source=member.mask)


def _kill(client: IRCConnection, line: Line) -> None:
    if not _check_operator(client):
        return
    member = member_of(client)
    victim = member.hub.find(line.param(0))
    reason = without_formatting(line.param(1)).strip() or "no reason given"
    if (other := connection_of(victim)) is not None and victim is not member:
        other.send(line.command, victim.name, reason, source=member.mask)
    text = f"Killed by {member.name}: {reason}"
    victim.dismiss(text, text)


def _check_operator(client: IRCConnection) -> bool:
    """Return whether the client is an operator. If not, send an error."""
    if is_operator(member_of(client)):
        return True
    client.reply(Reply.NOPRIVILEGES)
    return False


COMMANDS: Final = {
    "KILL": Command(_kill, min_params=1),
    "OPER": Command(_oper, min_params=2),
    "WALLOPS": Command(_wallops, min_params=1),
}
