"""Daytime (RFC 867), in memory and through the command line."""

import re
import socket
from datetime import datetime, timedelta, timezone

from protocols.daytime import Daytime, DaytimeDatagrams, daytime
from reactor.testing import VirtualReactor

from ..tools.waiting import TIMEOUT


def test_the_time_has_the_form_that_the_rfc_suggests():
    # The RFC says "Tuesday", but that day was a Monday.
    moment = datetime(1982, 2, 22, 17, 37, 43, tzinfo=timezone(timedelta(hours=-8)))

    assert daytime(moment) == b"Monday, February 22, 1982 17:37:43-0800\r\n"


def test_a_connection_gets_the_time_and_is_closed():
    with VirtualReactor() as reactor:
        peer = reactor.connect(Daytime)
        peer.send(b"what time is it?")
        reactor.advance(10)
        assert re.fullmatch(rb"\w+, \w+ \d+, \d+ \d\d:\d\d:\d\d[+-]\d{4}\r\n", peer.received)
        assert peer.closed


def test_every_datagram_is_answered_by_one():
    with VirtualReactor() as reactor:
        peers = reactor.datagram_socket(DaytimeDatagrams)
        peers.send(b"")
        peers.send(b"anything", ("192.0.2.9", 6000))
        reactor.settle()
        assert [to for _, to in peers.sent] == [("192.0.2.1", 50000), ("192.0.2.9", 6000)]
        assert all(data.endswith(b"\r\n") for data, _ in peers.sent)


def test_the_server_answers_over_tcp_and_udp(serve):
    server = serve("--protocol", "time", "--port", "0")

    with socket.create_connection(("127.0.0.1", server.port)) as client:
        assert client.makefile("rb").read().endswith(b"\r\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(TIMEOUT)
        client.sendto(b"", ("127.0.0.1", server.ports["udp"]))
        assert client.recv(100).endswith(b"\r\n")
