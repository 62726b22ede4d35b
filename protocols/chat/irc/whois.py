"""WHOIS, WHOWAS, USERHOST and ISON: details about members, by name."""

from __future__ import annotations

import time
from typing import Final

from ..former import FormerMember
from ..member import Member
from .channels import member_of, prefix_of
from .connection import Command, IRCConnection
from .grammar import MAX_LINE, Line, cut
from .numerics import Reply
from .people import connection_of, is_operator, seconds_idle, visible_rooms_of
from .render import channel_of

MAX_NAMES: Final = 10  # in one WHOIS or WHOWAS
MAX_USERHOSTS: Final = 5  # RFC 2812 section 4.8

# Bytes of one list of words: a line less its numeric and names, which take less than this.
_LIST_SIZE: Final = MAX_LINE - 160


def _whois(client: IRCConnection, line: Line) -> None:
    """Answer ``WHOIS [server] nick[,nick]``. There is only one server, so its name is ignored."""
    names = line.param(1) if len(line.params) > 1 else line.param(0)
    viewer = member_of(client)
    if not names:
        client.reply(Reply.NONICKNAMEGIVEN)
        return
    for name in names.split(",")[:MAX_NAMES]:
        member = viewer.hub.members.get(name.lower())
        if member is None:
            client.reply(Reply.NOSUCHNICK, name or "*")
        else:
            _describe(client, viewer, member)
    client.reply(Reply.ENDOFWHOIS, names)


def _describe(client: IRCConnection, viewer: Member, member: Member) -> None:
    name, reply = member.name, client.reply
    reply(Reply.WHOISUSER, name, member.user, member.host, "*", member.realname)
    channels = [
        prefix_of(room, member, client) + channel_of(room.name)
        for room in visible_rooms_of(member, viewer)
    ]
    for text in packed(channels):
        reply(Reply.WHOISCHANNELS, name, text)
    reply(Reply.WHOISSERVER, name, client.server.name, client.server.description)
    if member.away:
        reply(Reply.AWAY, name, member.away)
    if is_operator(member):
        reply(Reply.WHOISOPERATOR, name)
    other = connection_of(member)
    if other is None:  # not 317: clients would show that it signed on in 1970
        silence = f"has been silent for {seconds_idle(member)} s"
        reply(Reply.WHOISSPECIAL, name, f"does not come by IRC; {silence}")
        return
    if other is client or is_operator(viewer):
        peername = other.transport.get_extra_info("peername")
        address = str(peername[0]) if isinstance(peername, tuple) else "localhost"
        reply(Reply.WHOISACTUALLY, name, address, "is actually using host")
    if other.transport.get_extra_info("ssl_object") is not None:
        reply(Reply.WHOISSECURE, name)
    idle, signon = str(seconds_idle(member)), str(int(other.signed_on))
    reply(Reply.WHOISIDLE, name, idle, signon, "seconds idle, signon time")


def packed(words: list[str]) -> list[str]:
    """Return ``words`` in as few texts as possible, each short enough for one line."""
    texts: list[str] = []
    for word in words:
        if texts and len(texts[-1]) + 1 + len(word) <= _LIST_SIZE:  # names are ASCII
            texts[-1] += f" {word}"
        else:
            texts.append(word)
    return texts


def _whowas(client: IRCConnection, line: Line) -> None:
    """Answer ``WHOWAS nick[,nick] [count]``; without a count, or with 0 or less, all there is."""
    names = line.param(0)
    try:
        count = int(line.param(1))
    except ValueError:
        count = 0
    for name in names.split(",")[:MAX_NAMES]:
        former = client.server.hub.former_members(name)
        for one in former[:count] if count > 0 else former:
            _describe_former(client, one)
        if not former:
            client.reply(Reply.WASNOSUCHNICK, name or "*")
    client.reply(Reply.ENDOFWHOWAS, names)


def _describe_former(client: IRCConnection, former: FormerMember) -> None:
    name = former.name
    when = time.strftime("%a %b %d %H:%M:%S %Y", time.gmtime(former.time))
    client.reply(Reply.WHOWASUSER, name, former.user, former.host, "*", former.realname)
    client.reply(Reply.WHOISSERVER, name, client.server.name, f"{when} UTC")


def _userhost(client: IRCConnection, line: Line) -> None:
    """Answer ``USERHOST nick nick...``: who of them is here, away, and an operator."""
    members = member_of(client).hub.members
    found = [members.get(name.lower()) for name in line.params[:MAX_USERHOSTS]]
    words = [
        f"{member.name}{'*' * is_operator(member)}={'-' if member.away else '+'}"
        f"{member.user}@{member.host}"
        for member in found
        if member is not None
    ]
    client.reply(Reply.USERHOST, " ".join(words))


def _ison(client: IRCConnection, line: Line) -> None:
    """Answer ``ISON nick nick...``: who of them is here."""
    members = member_of(client).hub.members
    names = " ".join(line.params).split()
    found = [members[name.lower()].name for name in names if name.lower() in members]
    # In one line, as clients expect one: what does not fit is left out, but no name is cut.
    head = f":{client.server.name} {Reply.ISON} {client.nick} :"
    text = cut(" ".join(found) + " ", MAX_LINE - 2 - len(head) + 1)
    client.reply(Reply.ISON, text.rpartition(" ")[0])


COMMANDS: Final = {
    "WHOIS": Command(_whois),
    "WHOWAS": Command(_whowas, min_params=1),
    "USERHOST": Command(_userhost, min_params=1),
    "ISON": Command(_ison, min_params=1),
}
