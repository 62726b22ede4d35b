"""Messages as lines of text, for every way in that shows them in a terminal.

What members say begins with the time, and what the server says begins with ``***``, so that no
member can fake a notice::

    [12:03:44] alice: good morning
    [12:03:50] * alice pours some tea
    [12:04:02] alice -> bob: this is for you alone
    [12:04:05] -clock- it is four minutes past twelve
    *** guest2 joined lobby
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from .messages import Kind, Message

# A telnet terminal needs both CR and LF (RFC 854); other terminals ignore the CR.
LINE_END = "\r\n"

# Bytes in a datagram that is not fragmented on any path: the smallest MTU of IPv6 (RFC 8200,
# section 5) less the headers, and a little for tunnels. QUIC uses the same size (RFC 9000, section
# 14).
PACKET_SIZE = 1200


def render_lines(messages: Iterable[Message]) -> bytes:
    """Return the lines of ``messages``, each with its ending, as UTF-8."""
    return "".join([render_line(message) + LINE_END for message in messages]).encode()


def render_packets(messages: Iterable[Message]) -> tuple[bytes, ...]:
    """Return the same lines packed into datagrams of at most ``PACKET_SIZE`` bytes.

    A longer line has a datagram of its own, which the network may fragment.
    """
    packets: list[bytes] = []
    packet = b""
    for message in messages:
        line = render_lines((message,))
        if packet and len(packet) + len(line) > PACKET_SIZE:
            packets.append(packet)
            packet = b""
        packet += line
    packets.append(packet)
    return tuple(packets)


def render_line(message: Message) -> str:
    """Return the line for one message, without its ending."""
    kind, when, _, sender, text, target, *_ = message
    match kind:
        case Kind.SAID:
            line = f"[{_clock(int(when))}] {sender}: {text}"
        case Kind.ACTION:
            line = f"[{_clock(int(when))}] * {sender} {text}"
        case Kind.NOTE:
            line = f"[{_clock(int(when))}] -{f'{sender} -> {target}' if target else sender}- {text}"
        case Kind.PRIVATE:
            line = f"[{_clock(int(when))}] {sender} -> {target}: {text}"
        case Kind.JOINED | Kind.LEFT | Kind.QUIT | Kind.KICKED:
            line = f"*** {_passage(message)}" + (f": {text}" if text else "")
        case Kind.ENTERED | Kind.TOPIC | Kind.MODE | Kind.INVITED:
            line = f"*** {_place(message)}"
        case Kind.RENAMED:
            line = f"*** {sender} is now {text}"
        case Kind.AWAY:
            line = f"*** {sender} is away: {text}" if text else f"*** {sender} is back"
        case _:
            line = f"*** {text}"
    return line


def _passage(message: Message) -> str:
    """Return who came or left, without the reason."""
    match message.kind:
        case Kind.JOINED:
            return f"{message.sender} joined {message.room}"
        case Kind.LEFT:
            return f"{message.sender} left {message.room}"
        case Kind.KICKED:
            return f"{message.sender} put {message.target} out of {message.room}"
        case _:
            return f"{message.sender} left the chat"


def _place(message: Message) -> str:
    """Return what there is to say about a room."""
    kind, _, room, sender, text, *_ = message
    match kind:
        case Kind.ENTERED:
            return f"You are {sender} in {room}"
        case Kind.INVITED:
            return f"{sender} invites you into {room}: /join {room}"
        case Kind.MODE:
            return _mode(message)
        case Kind.TOPIC if sender and text:
            return f"{sender} set the topic of {room}: {text}"
        case Kind.TOPIC if sender:
            return f"{sender} cleared the topic of {room}"
        case _:
            return f"Topic of {room}: {text}"


_MODES: Final = {
    "+o": "{sender} made {who} an operator of {room}",
    "-o": "{sender} took from {who} what an operator of {room} may do",
    "+v": "{sender} gave {who} a voice in {room}",
    "-v": "{sender} took from {who} the voice in {room}",
    "+b": "{sender} banned {who} from {room}",
    "-b": "{sender} lets {who} into {room} again",
    "+n": "{sender} closed {room} to lines from outside",
    "-n": "{sender} opened {room} to lines from outside",
    "+t": "{sender} left the topic of {room} to its operators",
    "-t": "{sender} left the topic of {room} to all its members",
    "+m": "{sender} made {room} moderated: only those with a voice can speak",
    "-m": "{sender} made {room} open again to all who speak",
    "+i": "{sender} closed {room} to all who are not invited",
    "-i": "{sender} opened {room} to all",
    "+s": "{sender} made {room} secret: no list shows it",
    "-s": "{sender} made {room} public: lists show it",
    "+k": "{sender} set the key of {room}: {who}",
    "-k": "{sender} removed the key of {room}",
    "+l": "{sender} limited {room} to {who} members",
    "-l": "{sender} removed the limit of {room}",
}


def _mode(message: Message) -> str:
    who = message.names[0] if message.names else message.target
    if not message.sender:
        return f"{who} decides in {message.room}: its last operator has left"
    return _MODES[message.text].format(sender=message.sender, who=who, room=message.room)


@lru_cache(maxsize=128)  # all messages of one second show the same time
def _clock(second: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(second))
