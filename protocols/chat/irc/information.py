"""What a client can ask about the server: VERSION, TIME, INFO, ADMIN, STATS, LINKS, HELP."""

from __future__ import annotations

import time
from typing import Final

from .channels import member_of
from .connection import Command, IRCConnection
from .grammar import Line
from .helptext import HELP, INDEX
from .numerics import Reply
from .people import connections, is_operator
from .registration import VERSION, is_for_us, send_isupport
from .user_modes import UserMode

_INFO: Final = (
    f"{VERSION}, a single-threaded event loop and its protocols",
    "This chat has several ways in: lines over TCP (nc, telnet), datagrams over UDP,",
    "a page in the browser, and IRC. All of them are in the same rooms.",
)


def _version(client: IRCConnection, line: Line) -> None:
    if is_for_us(client, line.param(0)):
        client.reply(Reply.VERSION, VERSION, client.server.name, "RFC 2812 and IRCv3")
        send_isupport(client)


def _time(client: IRCConnection, line: Line) -> None:
    if is_for_us(client, line.param(0)):
        now = time.gmtime(client.server.hub.clock())
        text = time.strftime("%A %B %d %Y -- %H:%M:%S UTC", now)
        client.reply(Reply.TIME, client.server.name, text)


def _info(client: IRCConnection, line: Line) -> None:
    if not is_for_us(client, line.param(0)):
        return
    server = client.server
    started = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(server.created))
    for text in (*_INFO, f"On-line since {started}"):
        client.reply(Reply.INFO, text)
    client.reply(Reply.ENDOFINFO)


def _admin(client: IRCConnection, line: Line) -> None:
    if not is_for_us(client, line.param(0)):
        return
    server = client.server
    if not server.admin:
        client.reply(Reply.NOADMININFO, server.name)
        return
    client.reply(Reply.ADMINME, server.name, "Administrative info")
    client.reply(Reply.ADMINLOC1, server.description)
    client.reply(Reply.ADMINEMAIL, server.admin)


def _stats(client: IRCConnection, line: Line) -> None:
    """Answer ``STATS u``, how long the server has been running, and ``STATS o``, who its operators
    are; other letters have no answer but the end."""
    query = line.param(0)[:1] or "*"
    member = member_of(client)
    if query == "u":
        seconds = int(member.hub.clock() - client.server.created)
        hours, rest = divmod(seconds, 3600)
        days, hours = divmod(hours, 24)
        client.reply(
            Reply.STATSUPTIME, f"Server Up {days} days {hours}:{rest // 60:02d}:{rest % 60:02d}"
        )
    elif query == "o":
        if not is_operator(member):
            client.reply(Reply.NOPRIVILEGES)
        else:
            for other in connections(member.hub.members.values()):
                if UserMode.OPERATOR in other.modes:
                    client.reply(Reply.STATSOLINE, "O", "*", "*", other.nick)
    client.reply(Reply.ENDOFSTATS, query)


def _links(client: IRCConnection, line: Line) -> None:
    server = client.server
    client.reply(Reply.LINKS, server.name, server.name, f"0 {server.description}")
    client.reply(Reply.ENDOFLINKS, "*")


def _help(client: IRCConnection, line: Line) -> None:
    subject = line.param(0).upper()
    texts = HELP.get(subject) if subject else INDEX
    if texts is None:
        client.reply(Reply.HELPNOTFOUND, subject.partition(" ")[0] or "*")
        return
    subject = subject or "index"
    first, *rest = texts
    client.reply(Reply.HELPSTART, subject, first)
    for text in rest:
        client.reply(Reply.HELPTXT, subject, text)
    client.reply(Reply.ENDOFHELP, subject)


def _summon(client: IRCConnection, line: Line) -> None:
    client.reply(Reply.SUMMONDISABLED)


def _users(client: IRCConnection, line: Line) -> None:
    client.reply(Reply.USERSDISABLED)


COMMANDS: Final = {
    "ADMIN": Command(_admin),
    "HELP": Command(_help),
    "HELPOP": Command(_help),
    "INFO": Command(_info),
    "LINKS": Command(_links),
    "STATS": Command(_stats),
    "SUMMON": Command(_summon),
    "TIME": Command(_time),
    "USERS": Command(_users),
    "VERSION": Command(_version),
}
