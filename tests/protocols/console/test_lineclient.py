"""The client for line protocols: with a user, a server, and the loss of either."""

import re
from contextlib import nullcontext

import pytest

from protocols.console.lineclient import (
    FINISH_TIMEOUT,
    STABLE_AFTER,
    UDP_FINISH_TIMEOUT,
    LineClient,
)
from protocols.console.link import DatagramLink, StreamLink
from reactor.command.application import CommandError

from ...tools.users import User


class Server:
    """Plays the network: records the attempts to connect, and answers them in memory."""

    def __init__(self, reactor, monkeypatch):
        self.reactor = reactor
        self.attempts = []
        self.peer = None
        monkeypatch.setattr(reactor, "connect_tcp", self._attempt)
        monkeypatch.setattr(reactor, "connect_udp", self._attempt)

    def _attempt(self, factory, host, port, *, on_failure, **options):
        self.attempts.append((factory, on_failure))

    def accept(self):
        factory, _ = self.attempts[-1]
        protocol = factory()
        if isinstance(protocol, DatagramLink):
            self.peer = self.reactor.datagram_socket(lambda: protocol)
        else:
            self.peer = self.reactor.connect(lambda: protocol)
        self.reactor.settle()
        return self.peer

    def refuse(self):
        _, on_failure = self.attempts[-1]
        on_failure(ConnectionRefusedError(111, "Connection refused"))
        self.reactor.settle()


@pytest.fixture
def server(reactor, monkeypatch):
    return Server(reactor, monkeypatch)


@pytest.fixture
def start(reactor, server):
    """Start a client without running the reactor: the test does that."""

    def start(client_class=LineClient, **options):
        client = client_class(reactor, ("server", 1), console=User(reactor), **options)
        client.connect()
        return client

    return start


@pytest.fixture
def no_jitter(monkeypatch):
    monkeypatch.setattr("random.uniform", lambda low, high: high)


def delays(client):
    """Return the seconds that the client has announced to wait before it connects again."""
    return [
        float(match[1])
        for line in client.console.shown
        if (match := re.search(r"; trying again in ([\d.]+) s$", line))
    ]


def test_nothing_is_read_from_the_user_before_the_client_is_connected(start, server):
    client = start()
    assert not client.console.reading

    server.accept()

    assert client.console.reading


def test_lines_go_both_ways(start, server, reactor):
    client = start()
    peer = server.accept()
    client.typed("hello")
    peer.send(b"one\r\ntwo\nthr", chunk=5)
    reactor.settle()

    assert peer.received == b"hello\n"
    assert client.console.shown == ["one", "two"]


def test_the_end_of_input_half_closes_and_the_servers_answer_is_still_shown(start, server, reactor):
    client = start()
    peer = server.accept()
    client.finish()
    client.finish()  # Ctrl-D twice
    reactor.settle()
    assert peer.eof_received

    peer.send(b"last words")
    peer.send_eof()
    reactor.settle()

    assert client.console.shown == ["last words"]
    assert client.ended
    assert client.error is None


def test_after_the_end_of_input_the_client_leaves_a_silent_server(start, server, reactor):
    client = start()
    peer = server.accept()
    client.finish()
    reactor.advance(FINISH_TIMEOUT - 1)
    peer.send(b"still here\n")
    reactor.advance(FINISH_TIMEOUT - 1)
    assert not client.ended

    reactor.advance(1)

    assert client.ended


def test_over_udp_the_client_ends_after_a_second_of_silence(start, server, reactor):
    client = start(udp=True)
    peer = server.accept()
    client.typed("hello")
    peer.send(b"one\r\ntwo\r\n")
    client.finish()
    reactor.advance(UDP_FINISH_TIMEOUT)

    assert client.ended
    assert peer.sent == [(b"hello", None)]
    assert client.console.shown == ["one", "two"]


def test_a_lost_connection_is_an_error(start, server, reactor):
    client = start()
    server.accept().reset()
    reactor.settle()

    assert client.error.startswith("the connection to server:1 is lost: ")


@pytest.mark.parametrize("greets", [False, True])
def test_a_silent_server_that_resets_may_want_tls(start, server, reactor, greets):
    class Client(LineClient):
        pass

    Client.greets = greets
    client = start(Client)
    server.accept().reset()
    reactor.settle()

    assert client.error.endswith("by the test (if it uses TLS, try --tls)")


@pytest.mark.parametrize(("heard", "tls"), [(b"hello\n", None), (b"", "a context")])
def test_a_server_that_spoke_and_one_over_tls_need_no_hint_about_tls(
    start, server, reactor, heard, tls
):
    client = start(tls=tls)
    peer = server.accept()
    if heard:
        peer.send(heard)
        reactor.settle()
    peer.reset()
    reactor.settle()

    assert client.error.endswith("by the test")


def test_the_alert_of_a_server_with_tls_is_not_shown(start, server, reactor):
    client = start()
    server.accept().send(b"\x15\x03\x03\x00\x02\x02\x32")
    reactor.settle()

    assert client.error == "the connection to server:1 is lost: it uses TLS (see --tls)"
    assert client.console.shown == []


def test_a_close_by_the_server_before_the_end_of_input_is_an_error(start, server, reactor):
    client = start()
    server.accept().close()
    reactor.settle()

    assert client.error == "the connection to server:1 is lost: the server closed the connection"


def test_a_reset_after_the_end_of_input_is_an_error(start, server, reactor):
    client = start()
    peer = server.accept()
    client.finish()
    peer.reset()
    reactor.settle()

    assert client.error is not None


def test_an_unreachable_server_is_noticed_over_udp(start, server, reactor):
    client = start(udp=True)
    peer = server.accept()
    peer.fail()
    reactor.settle()

    assert client.error.startswith("cannot connect to server:1: ")


def test_over_udp_only_an_answer_is_a_connection(start, server, reactor, no_jitter):
    client = start(udp=True, reconnect=True)
    server.accept().send(b"hello", None)
    reactor.settle()
    for _ in range(5):  # there is no server: each delay is longer
        server.peer.fail()
        reactor.settle()
        reactor.advance(60)
        server.accept()
    assert len(server.attempts) == 6
    assert "*** connected again" not in client.console.shown
    assert delays(client) == [0.5, 1.0, 2.0, 4.0, 8.0]

    server.peer.send(b"back", None)
    reactor.settle()

    assert client.console.shown[-2:] == ["*** connected again", "back"]


def test_there_is_no_tls_over_udp(start):
    with pytest.raises(CommandError, match="cannot be combined"):
        start(udp=True, tls=object())


def test_a_refused_connection_is_an_error(start, server):
    client = start()
    server.refuse()

    assert client.error == "cannot connect to server:1: Connection refused"


def test_with_reconnect_it_connects_again_and_reads_no_input_meanwhile(start, server, reactor):
    client = start(reconnect=True)
    server.accept().close()
    reactor.settle()
    assert not client.console.reading
    assert "trying again in" in client.console.shown[-1]

    reactor.advance(1)
    server.refuse()
    reactor.advance(2)
    assert len(server.attempts) == 3
    server.accept()

    assert client.console.reading
    assert client.console.shown[-1] == "*** connected again"
    assert client.error is None


def test_delays_grow_for_a_server_that_closes_at_once(start, server, reactor, no_jitter):
    client = start(reconnect=True)
    for _ in range(6):
        server.accept().close()
        reactor.settle()
        reactor.advance(60)
    assert delays(client) == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0]

    server.accept()
    reactor.advance(STABLE_AFTER)
    server.peer.close()
    reactor.settle()

    assert delays(client)[-1] == 0.5


def test_the_end_of_input_while_disconnected_ends_the_client(start, server):
    client = start(reconnect=True)
    server.refuse()
    client.finish()

    assert client.ended


def test_a_line_typed_before_the_connection_is_not_sent_late(start, server):
    client = start()
    client.typed("into the void")
    assert server.accept().received == b""


def test_while_the_server_does_not_read_no_input_is_read(start, server, reactor):
    client = start()
    peer = server.accept()
    peer.stall()
    client.typed("x" * 100_000)
    reactor.settle()
    assert not client.console.reading

    peer.resume()
    reactor.settle()

    assert client.console.reading


def test_while_the_output_is_full_the_server_is_not_read(start, server, reactor):
    client = start()
    peer = server.accept()
    client.console.on_output_paused()
    peer.send(b"later\n")
    reactor.settle()
    assert client.console.shown == []

    client.console.on_output_resumed()
    reactor.settle()

    assert client.console.shown == ["later"]


def test_over_udp_a_full_output_does_not_stop_reading(start, server, reactor):
    client = start(udp=True)
    peer = server.accept()
    client.console.on_output_paused()
    client.console.on_output_resumed()
    peer.send(b"now")
    peer.send(b"")
    peer.send(b"one line\x0bnot two\r\n")
    reactor.settle()

    assert client.console.shown == ["now", "", "one line\x0bnot two"]


def test_the_loss_of_the_output_ends_the_client_without_an_error(start, server):
    client = start()
    server.accept()
    client.console.on_output_lost()

    assert client.ended
    assert client.error is None


def test_giving_up_names_the_reason(start, server, reactor):
    client = start()
    client.give_up(TimeoutError("not connected yet, so nothing happens"))
    server.accept()
    client.give_up(TimeoutError("it is silent"))
    reactor.settle()

    assert client.error == "the connection to server:1 is lost: it is silent"


def test_run_raises_the_error_for_the_command_line_to_print(reactor, server, monkeypatch):
    client = LineClient(reactor, ("server", 1), console=User(reactor))
    monkeypatch.setattr(User, "opened", lambda console: nullcontext())
    reactor.call_soon(
        lambda: server.attempts[-1][1](ConnectionRefusedError(111, "Connection refused"))
    )

    with pytest.raises(CommandError, match="cannot connect to server:1: Connection refused"):
        client.run()


def test_over_udp_a_client_that_is_stopped_says_goodbye(start, server, reactor):
    class Polite(LineClient):
        farewell = "bye"

    client = start(Polite, udp=True)
    peer = server.accept()
    reactor.call_soon(reactor.stop, 1.0)
    reactor.run()

    assert (b"bye", None) in peer.sent
    assert client.error is None


def test_a_line_of_the_server_that_is_too_long_is_left_out(start, server, reactor):
    client = start()
    peer = server.accept()
    peer.send(b"x" * (StreamLink.max_line_length + 10) + b"\nshort\n")
    reactor.settle()

    assert client.console.shown == ["short"]


def test_a_client_that_ends_does_not_connect_again(start, server, reactor):
    client = start(reconnect=True)
    server.accept().close()
    reactor.settle()
    client.end()
    reactor.advance(10)

    assert len(server.attempts) == 1


def test_a_line_that_was_too_long_is_counted(start, server):
    client = start()
    server.accept()
    client.console.on_line_too_long()

    assert client.undelivered() == "1 line was not sent, the rest of the input was not read"
