"""How a client becomes a member: CAP, PASS, NICK and USER; and the welcome.

A client registers with NICK and USER. If it negotiates capabilities, it registers after ``CAP
END``. https://modern.ircdocs.horse/#connection-registration
"""

from __future__ import annotations

import re
import time
from typing import Final

from reactor import __version__

from ..messages import ChatError, ErrorCode
from .capabilities import CAP_NOTIFY, ECHO_MESSAGE, OFFERED
from .connection import Command, IRCConnection
from .grammar import Line, split, without_formatting
from .isupport import (
    CHANNEL_MODES,
    NETWORK,
    REALNAME_LENGTH,
    TOKENS_PER_LINE,
    USER_LENGTH,
    USER_MODES,
    VALUED_MODES,
    tokens,
)
from .numerics import Reply
from .render import channel_of
from .user_modes import UserMode

VERSION: Final = f"reactor-{__version__}"

_NOT_IN_USER = re.compile(r"[^A-Za-z0-9_.\-\[\]{}\\|^`]")
_WITH_VALUES: Final = 302  # the first version of CAP in which capabilities have values
_CAP_LINE: Final = 400  # bytes of capabilities in one line


def _cap(client: IRCConnection, line: Line) -> None:
    subcommand = line.param(0).upper()
    run = _CAP.get(subcommand)
    if run is None:
        client.reply(Reply.INVALIDCAPCMD, line.param(0) or "*")
    else:
        run(client, line)


def _cap_ls(client: IRCConnection, line: Line) -> None:
    version = line.param(1)
    if version.isdecimal() and len(version) < 10:
        client.cap_version = max(client.cap_version, int(version))
    client.negotiating = client.member is None
    with_values = client.cap_version >= _WITH_VALUES
    if with_values:  # the newer protocol includes it
        client.set_capabilities(client.capabilities | {CAP_NOTIFY})
    _send_capabilities(
        client,
        "LS",
        [f"{name}={value}" if value and with_values else name for name, value in OFFERED.items()],
    )


def _cap_list(client: IRCConnection, line: Line) -> None:
    _send_capabilities(client, "LIST", sorted(client.capabilities))


def _cap_req(client: IRCConnection, line: Line) -> None:
    client.negotiating = client.member is None
    asked = line.param(1).strip()
    words = dict.fromkeys(asked.split())
    wanted = set(client.capabilities)
    for word in words:
        name = word.removeprefix("-")
        fixed = name == CAP_NOTIFY and name != word and client.cap_version >= _WITH_VALUES
        if name not in OFFERED or fixed:
            client.send("CAP", client.nick, "NAK", asked)
            return
        if name == word:
            wanted.add(name)
        else:
            wanted.discard(name)
    client.send("CAP", client.nick, "ACK", asked)
    client.set_capabilities(wanted)
    _update_echo(client)


def _cap_end(client: IRCConnection, line: Line) -> None:
    client.negotiating = False
    _register(client)


_CAP = {"LS": _cap_ls, "LIST": _cap_list, "REQ": _cap_req, "END": _cap_end}


def _send_capabilities(client: IRCConnection, subcommand: str, words: list[str]) -> None:
    *first, last = split(" ".join(words), _CAP_LINE)
    for part in first:
        client.send("CAP", client.nick, subcommand, "*", part)
    client.send("CAP", client.nick, subcommand, last)


def _update_echo(client: IRCConnection) -> None:
    member = client.member
    echo = ECHO_MESSAGE in client.capabilities
    if member is not None and member.echo is not echo:
        member.set_echo(echo)


def _pass(client: IRCConnection, line: Line) -> None:
    if client.member is not None:
        client.reply(Reply.ALREADYREGISTERED)
    # The chat has no passwords.


def _nick(client: IRCConnection, line: Line) -> None:
    name = line.param(0)
    if not name:
        client.reply(Reply.NONICKNAMEGIVEN)
        return
    try:
        if client.member is None:
            client.server.hub.check_free(name)
            client.nick_wanted = name
        elif name != client.member.name:
            client.member.rename(name)
    except ChatError as exc:
        _refuse_nick(client, line, exc, name)
    else:
        _register(client)


def _refuse_nick(client: IRCConnection, line: Line, exc: ChatError, name: str) -> None:
    if exc.code is ErrorCode.BANNED and client.member is not None:
        member = client.member
        banned = [room.name for room in member.rooms if room.rules.is_banned(member)]
        client.reply(Reply.BANONCHAN, name, channel_of(banned[0]))
    else:
        client.refuse(exc, line, nick=name)


def _user(client: IRCConnection, line: Line) -> None:
    if client.member is not None:
        client.reply(Reply.ALREADYREGISTERED)
        return
    user = _NOT_IN_USER.sub("", line.param(0))[: USER_LENGTH - 1]
    realname = without_formatting(line.param(3)).strip()[:REALNAME_LENGTH]
    if not line.param(0) or not realname:
        client.reply(Reply.NEEDMOREPARAMS, line.command)
        return
    client.user, client.realname = f"~{user or 'user'}", realname
    _register(client)


def _register(client: IRCConnection) -> None:
    """Let the client into the chat, if it has said all that is needed."""
    if client.member is not None or client.negotiating or not (client.nick_wanted and client.user):
        return
    name = client.nick_wanted
    try:
        member = client.server.hub.join(
            client,
            name=name,
            origin=client.origin,
            needs_room=False,
            user=client.user,
            realname=client.realname,
        )
    except ChatError as exc:
        if exc.code is ErrorCode.NAME_IN_USE:  # somebody was faster
            client.nick_wanted = ""
            client.reply(Reply.NICKNAMEINUSE, name)
        else:
            client.refuse_client(str(exc))
        return
    client.registered(member)
    _update_echo(client)
    _welcome(client)


def _welcome(client: IRCConnection) -> None:
    server = client.server
    assert client.member is not None
    client.reply(Reply.WELCOME, f"Welcome to the {NETWORK} network, {client.member.mask}")
    client.reply(Reply.YOURHOST, f"Your host is {server.name}, running version {VERSION}")
    when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(server.created))
    client.reply(Reply.CREATED, f"This server was created {when}")
    client.reply(Reply.MYINFO, server.name, VERSION, USER_MODES, CHANNEL_MODES, VALUED_MODES)
    send_isupport(client)
    send_lusers(client)
    send_motd(client)


def send_isupport(client: IRCConnection) -> None:
    """Send what this server supports."""
    words = tokens(client.server.hub.limits)
    for start in range(0, len(words), TOKENS_PER_LINE):
        line = words[start : start + TOKENS_PER_LINE]
        client.reply(Reply.ISUPPORT, *line, "are supported by this server")


def send_lusers(client: IRCConnection) -> None:
    """Send how many users and channels there are."""
    server = client.server
    users, peak = len(server.hub.members), server.peak_members
    hidden, operators = server.modes[UserMode.INVISIBLE], server.modes[UserMode.OPERATOR]
    text = f"There are {users - hidden} users and {hidden} invisible on 1 servers"
    client.reply(Reply.LUSERCLIENT, text)
    client.reply(Reply.LUSEROP, str(operators), "operator(s) online")
    client.reply(Reply.LUSERUNKNOWN, str(server.unregistered), "unknown connection(s)")
    client.reply(Reply.LUSERCHANNELS, str(len(server.hub.rooms)), "channels formed")
    client.reply(Reply.LUSERME, f"I have {users} clients and 0 servers")
    for numeric, which in ((Reply.LOCALUSERS, "local"), (Reply.GLOBALUSERS, "global")):
        client.reply(numeric, str(users), str(peak), f"Current {which} users {users}, max {peak}")


def send_motd(client: IRCConnection) -> None:
    """Send the message of the day."""
    server = client.server
    if not server.motd:
        client.reply(Reply.NOMOTD)
        return
    client.reply(Reply.MOTDSTART, f"- {server.name} Message of the day -")
    for line in server.motd:
        client.reply(Reply.MOTD, f"- {line}")
    client.reply(Reply.ENDOFMOTD)


def _lusers(client: IRCConnection, line: Line) -> None:
    send_lusers(client)


def _motd(client: IRCConnection, line: Line) -> None:
    if is_for_us(client, line.param(0)):
        send_motd(client)


def is_for_us(client: IRCConnection, server: str) -> bool:
    """Return whether ``server``, a parameter, means this server. If not, send an error."""
    if not server or server.lower() == client.server.name.lower():
        return True
    client.reply(Reply.NOSUCHSERVER, server)
    return False


def _ping(client: IRCConnection, line: Line) -> None:
    if not line.param(0):
        client.reply(Reply.NOORIGIN)
    else:
        client.send("PONG", client.server.name, line.param(0))


def _pong(client: IRCConnection, line: Line) -> None:
    """Do nothing: the connection restarts its timer for all that arrives."""


def _quit(client: IRCConnection, line: Line) -> None:
    reason = without_formatting(line.param(0))
    parting = f"Quit: {reason}" if reason else "Client Quit"
    if client.member is None:
        client.refuse_client(parting)
    else:
        client.member.dismiss(reason, parting)


COMMANDS: Final = {
    "CAP": Command(_cap, min_params=1, early=True),
    "LUSERS": Command(_lusers),
    "MOTD": Command(_motd),
    "NICK": Command(_nick, early=True),
    "PASS": Command(_pass, min_params=1, early=True),
    "PING": Command(_ping, early=True),
    "PONG": Command(_pong, early=True),
    "QUIT": Command(_quit, early=True),
    "USER": Command(_user, min_params=4, early=True),
}
