"""The client of line protocols: what it does with a user, a server, and the loss of either."""

from contextlib import nullcontext

import pytest

from protocols.console.lineclient import (
    FINISH_TIMEOUT,
    STABLE_AFTER,
    UDP_FINISH_TIMEOUT,
    Backoff,
    LineClient,
)
from protocols.console.link import DatagramLink, StreamLink
from reactor.command.application import CommandError

from ...tools.users import User


class Server:
    """Stands for the network: keeps the attempts to connect, and answers them in memory."""

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
def start(reactor, server, monkeypatch):
    """Start a client without running the reactor: the test does that."""

    def start(client_class=LineClient, **options):
        client = client_class(reactor, ("server", 1), console=User(reactor), **options)
        client._connect()
        return client

    return start


def test_nothing_is_read_from_the_user_before_the_connection_stands(start, server):
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


def test_the_users_end_half_closes_and_the_servers_answer_is_still_shown(start, server, reactor):
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
    assert client._ended
    assert client._error is None


def test_after_the_users_end_a_silent_server_is_left(start, server, reactor):
    client = start()
    peer = server.accept()
    client.finish()
    reactor.advance(FINISH_TIMEOUT - 1)
    peer.send(b"still here\n")
    reactor.advance(FINISH_TIMEOUT - 1)
    assert not client._ended

    reactor.advance(1)

    assert client._ended


def test_over_udp_the_end_is_a_second_of_silence(start, server, reactor):
    client = start(udp=True)
    peer = server.accept()
    client.typed("hello")
    peer.send(b"one\r\ntwo\r\n")
    client.finish()
    reactor.advance(UDP_FINISH_TIMEOUT)

    assert client._ended
    assert peer.sent == [(b"hello", None)]
    assert client.console.shown == ["one", "two"]


def test_a_lost_connection_is_an_error(start, server, reactor):
    client = start()
    server.accept().reset()
    reactor.settle()

    assert client._error.startswith("the connection to server:1 is lost: ")


def test_a_connection_that_the_server_closes_unasked_is_an_error(start, server, reactor):
    client = start()
    server.accept().close()
    reactor.settle()

    assert client._error == "the connection to server:1 is lost: the server closed the connection"


def test_a_reset_after_the_users_end_is_still_an_error(start, server, reactor):
    client = start()
    peer = server.accept()
    client.finish()
    peer.reset()
    reactor.settle()

    assert client._error is not None


def test_an_unreachable_server_is_noticed_over_udp(start, server, reactor):
    client = start(udp=True)
    peer = server.accept()
    peer.fail()
    reactor.settle()

    assert client._error.startswith("cannot connect to server:1: ")


def test_over_udp_only_an_answer_is_a_connection(start, server, reactor):
    client = start(udp=True, reconnect=True)
    server.accept().send(b"hello", None)
    reactor.settle()
    for _ in range(5):  # nobody is there: tried again, and less and less often
        server.peer.fail()
        reactor.settle()
        reactor.advance(60)
        server.accept()
    assert len(server.attempts) == 6
    assert "*** connected again" not in client.console.shown
    assert client._backoff._tries == 5

    server.peer.send(b"back", None)
    reactor.settle()

    assert client.console.shown[-2:] == ["*** connected again", "back"]


def test_there_is_no_tls_over_udp(start):
    with pytest.raises(CommandError, match="do not go together"):
        start(udp=True, tls=object())


def test_a_refused_connection_is_an_error(start, server):
    client = start()
    server.refuse()

    assert client._error == "cannot connect to server:1: Connection refused"


def test_with_reconnect_it_tries_again_and_the_user_waits(start, server, reactor):
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
    assert client._error is None


def test_a_server_that_closes_at_once_is_left_alone_longer_and_longer(start, server, reactor):
    client = start(reconnect=True)
    for _ in range(6):
        server.accept().close()
        reactor.settle()
        reactor.advance(60)
    assert client._backoff._tries == 6

    server.accept()
    reactor.advance(STABLE_AFTER)
    server.peer.close()
    reactor.settle()

    assert client._backoff._tries == 1


def test_the_users_end_while_it_is_not_connected_ends_it(start, server):
    client = start(reconnect=True)
    server.refuse()
    client.finish()

    assert client._ended


def test_what_is_typed_while_it_is_not_connected_is_not_sent_twice_or_late(start, server):
    client = start()
    client.typed("into the void")
    assert server.accept().received == b""


def test_a_server_that_does_not_read_makes_the_user_wait(start, server, reactor):
    client = start()
    peer = server.accept()
    peer.stall()
    client.typed("x" * 100_000)
    reactor.settle()
    assert not client.console.reading

    peer.resume()
    reactor.settle()

    assert client.console.reading


def test_an_output_that_takes_no_more_makes_the_server_wait(start, server, reactor):
    client = start()
    peer = server.accept()
    client.console.on_slow()
    peer.send(b"later\n")
    reactor.settle()
    assert client.console.shown == []

    client.console.on_fast()
    reactor.settle()

    assert client.console.shown == ["later"]


def test_an_output_that_takes_no_more_does_not_matter_over_udp(start, server, reactor):
    client = start(udp=True)
    peer = server.accept()
    client.console.on_slow()
    client.console.on_fast()
    peer.send(b"now")
    peer.send(b"")
    peer.send(b"one line\x0bnot two\r\n")
    reactor.settle()

    assert client.console.shown == ["now", "", "one line\x0bnot two"]


def test_an_output_that_is_gone_ends_it_quietly(start, server):
    client = start()
    server.accept()
    client.console.on_broken()

    assert client._ended
    assert client._error is None


def test_giving_up_says_why(start, server, reactor):
    client = start()
    client.lose("not connected yet, so nothing happens")
    server.accept()
    client.lose("it is silent")
    reactor.settle()

    assert client._error == "the connection to server:1 is lost: it is silent"


def test_run_raises_the_error_for_the_command_line_to_print(reactor, server, monkeypatch):
    client = LineClient(reactor, ("server", 1), console=User(reactor))
    monkeypatch.setattr(User, "opened", lambda console: nullcontext())
    reactor.call_soon(
        lambda: server.attempts[-1][1](ConnectionRefusedError(111, "Connection refused"))
    )

    with pytest.raises(CommandError, match="cannot connect to server:1: Connection refused"):
        client.run()


def test_the_stopping_reactor_lets_the_link_say_goodbye(start, server, reactor):
    class Polite(LineClient):
        farewell = "bye"

    client = start(Polite, udp=True)
    peer = server.accept()
    reactor.call_soon(reactor.stop, 1.0)
    reactor.run()

    assert (b"bye", None) in peer.sent
    assert client._error is None


def test_backoff_doubles_up_to_its_longest_and_has_jitter():
    backoff = Backoff(first=1.0, longest=30.0)
    delays = [backoff.next_delay() for _ in range(40)]

    bounds = [min(30.0, 2.0**tries) for tries in range(40)]
    assert all(bound / 2 <= delay <= bound for delay, bound in zip(delays, bounds, strict=True))
    assert len({round(delay, 6) for delay in delays[5:]}) > 1

    backoff.reset()
    assert backoff.next_delay() <= 1.0


def test_stream_links_need_a_server_that_ends_its_lines_within_a_bound(start, server, reactor):
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


def test_what_was_too_long_to_be_sent_is_counted(start, server):
    client = start()
    server.accept()
    client.console.on_left_out()

    assert client._undelivered() == "1 line was not sent, the rest of the input was not read"
