"""Messages as lines of text, for every way in that shows them in a terminal.

What members say begins with the time, and what the server says begins with ``***``, so that no
member can fake a notice::

    [12:03:44] alice: good morning
    [12:03:50] * alice pours some tea
    [12:04:02] alice -> bob: this is for you alone
    *** guest2 joined lobby
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import lru_cache

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
    kind, when, room, sender, text, target = message
    match kind:
        case Kind.SAID:
            line = f"[{_clock(int(when))}] {sender}: {text}"
        case Kind.ACTION:
            line = f"[{_clock(int(when))}] * {sender} {text}"
        case Kind.PRIVATE:
            line = f"[{_clock(int(when))}] {sender} -> {target}: {text}"
        case Kind.ENTERED:
            line = f"*** You are {sender} in {room}"
        case Kind.JOINED:
            line = f"*** {sender} joined {room}"
        case Kind.LEFT:
            line = f"*** {sender} left {room}"
        case Kind.QUIT:
            line = f"*** {sender} left the chat" + (f": {text}" if text else "")
        case Kind.RENAMED:
            line = f"*** {sender} is now {text}"
        case Kind.TOPIC if sender and text:
            line = f"*** {sender} set the topic of {room}: {text}"
        case Kind.TOPIC if sender:
            line = f"*** {sender} cleared the topic of {room}"
        case Kind.TOPIC:
            line = f"*** Topic of {room}: {text}"
        case _:
            line = f"*** {text}"
    return line


@lru_cache(maxsize=128)  # all messages of one second show the same time
def _clock(second: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(second))
