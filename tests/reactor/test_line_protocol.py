"""LineProtocol: the same lines however the stream is cut, and a bounded buffer. And what the base
classes do by default."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactor import LineProtocol, Protocol
from reactor.testing import StreamPeer, VirtualReactor

TOO_LONG = object()  # in a log: line_too_long was called


class Lines(LineProtocol):
    """Records its calls."""

    max_line_length = 8

    def __init__(self) -> None:
        super().__init__()
        self.log: list[Any] = []

    def line_received(self, line: str) -> None:
        self.log.append(line)

    def line_too_long(self) -> None:
        self.log.append(TOO_LONG)


class Closer(Lines):
    """Closes at the line "quit"."""

    def line_received(self, line: str) -> None:
        super().line_received(line)
        if line == "quit":
            self.transport.close()


def lines_of(data: bytes, cuts: list[int], factory: type[Lines] = Lines) -> list[Any]:
    """The calls that a protocol gets for ``data``, cut at ``cuts``, and the end of the stream."""
    with VirtualReactor() as reactor:
        protocol = factory()
        peer = reactor.connect(lambda: protocol)
        edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
        for start, end in pairwise(edges):
            peer.send(data[start:end])
            reactor.settle()
        peer.send_eof()
        reactor.settle()
        return protocol.log


def expected(data: bytes, limit: int = Lines.max_line_length) -> list[Any]:
    """The same, computed from the whole."""
    pieces = data.split(b"\n")
    if not pieces[-1]:
        pieces.pop()
    pieces = [piece.removesuffix(b"\r") for piece in pieces]
    return [
        TOO_LONG if len(piece) > limit else piece.decode("utf-8", "replace") for piece in pieces
    ]


# Few letters and many line endings, for lines around the limit of eight bytes.
_streams = st.lists(
    st.sampled_from(
        [b"a", b"bb", b"\n", b"\n", b"\r\n", b"\r", b"1234567", b"12345678", "ü".encode()]
    ),
    max_size=30,
).map(b"".join)


@settings(deadline=None, derandomize=True, max_examples=300)
@given(_streams, st.lists(st.integers(1, 120), max_size=12))
def test_all_cuttings_of_a_stream_give_the_same_lines(data, cuts):
    assert lines_of(data, cuts) == expected(data)


@settings(deadline=None, derandomize=True, max_examples=100)
@given(_streams)
def test_byte_by_byte_gives_the_same_lines(data):
    assert lines_of(data, list(range(1, len(data)))) == expected(data)


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"one\ntwo\n", ["one", "two"]),
        (b"one\r\ntwo\r\n", ["one", "two"]),
        (b"\n\r\n", ["", ""]),
        (b"a\rb\n", ["a\rb"]),  # CR alone ends nothing
        (b"a\r\r\n", ["a\r"]),
        (b"last", ["last"]),
        (b"last\r", ["last"]),
        (b"", []),
        (b"12345678\n", ["12345678"]),
        (b"12345678\r\n", ["12345678"]),  # the ending does not count
        (b"12345678\r", ["12345678"]),
        (b"123456789\nnext\n", [TOO_LONG, "next"]),
        (b"12345678\r\r\nnext\n", [TOO_LONG, "next"]),
        (b"first\n" + b"x" * 1000 + b"\nnext\n", ["first", TOO_LONG, "next"]),
        (b"x" * 1000, [TOO_LONG]),
        (b"x" * 1000 + b"\n" + b"y" * 1000 + b"\n", [TOO_LONG, TOO_LONG]),
    ],
)
def test_where_lines_end(data, lines):
    assert expected(data) == lines
    for size in (1, 2, 3, 7, len(data) + 1):
        assert lines_of(data, list(range(size, len(data), size))) == lines


@pytest.mark.parametrize("piece", [65536, 4096])
def test_an_endless_line_is_reported_once_and_not_stored(reactor, piece):
    protocol = Lines()
    peer = reactor.connect(lambda: protocol)
    peer.send(bytes(200 * piece), chunk=piece)
    tracemalloc.start()
    try:
        reactor.settle()
        reachable, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert reachable < 100 * piece
    assert protocol.log == [TOO_LONG]

    peer.send(b"the end of it\nnext\n")
    reactor.settle()
    assert protocol.log == [TOO_LONG, "next"]


def test_a_line_that_is_too_long_is_reported_before_its_end(reactor):
    protocol = Lines()
    peer = reactor.connect(lambda: protocol)
    peer.send(b"12345678\r")  # the CR may belong to the ending
    reactor.settle()
    assert protocol.log == []
    peer.send(b"\r")
    reactor.settle()

    assert protocol.log == [TOO_LONG]


def test_undecodable_bytes_are_replaced():
    assert lines_of(b"caf\xe9\n\xff\xfe\n", []) == ["caf\ufffd", "\ufffd\ufffd"]


def test_a_character_may_be_cut_in_two():
    data = "€😀\n".encode()
    for cut in range(1, len(data)):
        assert lines_of(data, [cut]) == ["€😀"]


def test_encoding_and_decoding_can_be_chosen():
    class Latin(Lines):
        encoding = "latin-1"

    class Strict(Lines):
        def decode_line(self, line: bytes) -> str:
            return line.hex()

    assert lines_of(b"caf\xe9\n", [], Latin) == ["café"]
    assert lines_of(b"caf\xe9\n", [], Strict) == ["636166e9"]


@pytest.mark.parametrize("chunk", [1, 4, 1000])
def test_no_line_is_delivered_once_the_transport_is_closing(reactor, chunk):
    protocol = Closer()
    peer = reactor.connect(lambda: protocol)
    peer.send(b"one\nquit\ntwo\n" + b"x" * 100, chunk)
    peer.send_eof()
    reactor.settle()

    assert protocol.log == ["one", "quit"]


def test_an_unterminated_rest_is_not_delivered_once_the_transport_is_closing(reactor):
    protocol = Lines()
    peer = reactor.connect(lambda: protocol)
    peer.send(b"rest")
    reactor.settle()
    protocol.transport.close()
    protocol.eof_received()  # it was already on its way

    assert protocol.log == []


def test_calling_data_received_from_line_received_loses_no_line(reactor):
    class Inserting(Lines):
        def line_received(self, line: str) -> None:
            super().line_received(line)
            if line == "insert":
                self.data_received(b"st\n")

    protocol = Inserting()
    peer = reactor.connect(lambda: protocol)
    peer.send(b"insert\nre")
    reactor.settle()

    assert protocol.log == ["insert", "rest"]


def test_the_connection_closes_after_the_end_of_the_stream(reactor):
    protocol = Lines()
    peer = reactor.connect(lambda: protocol)
    peer.send(b"last")
    peer.send_eof()
    reactor.settle()

    assert protocol.log == ["last"]
    assert peer.eof_received


def test_send_line_ends_lines_with_cr_and_lf(reactor):
    protocol = Lines()
    peer = reactor.connect(lambda: protocol)
    protocol.send_line("grüß dich")
    protocol.send_line("")
    protocol.send_line("\ud800")  # half a surrogate pair cannot be sent
    reactor.settle()

    assert peer.received == "grüß dich\r\n\r\n?\r\n".encode()


# -- the base classes ------------------------------------------------------------------------------


def served(reactor: VirtualReactor, factory: type[Protocol]) -> StreamPeer:
    """Let everything happen to a protocol but the end."""
    peer = reactor.connect(factory)
    peer.stall()
    peer.transport.write(bytes(100_000))
    peer.send(b"x" * 10 + b"\n" + b"y" * 5000 + b"\nz")
    reactor.settle()
    peer.resume()
    reactor.settle()
    return peer


@pytest.mark.parametrize("factory", [Protocol, LineProtocol])
def test_a_base_class_ignores_all_calls_and_closes_at_the_end(reactor, factory):
    peer = served(reactor, factory)
    assert peer.transport.get_protocol().transport is peer.transport
    assert len(peer.received) == 100_000
    assert not peer.closed

    peer.send_eof()
    reactor.settle()
    assert peer.closed


def test_a_base_class_closes_when_the_reactor_stops_and_sends_what_is_queued(reactor):
    peer = reactor.connect(Protocol)
    peer.transport.write(b"last words")
    reactor.stop(10)
    reactor.run()

    assert peer.received == b"last words"
    assert peer.closed


def test_a_subclass_does_not_have_to_call_init() -> None:
    class Forgetful(LineProtocol):
        def __init__(self, greeting: str) -> None:
            self.greeting = greeting

        def line_received(self, line: str) -> None:
            self.send_line(f"{self.greeting}, {line}")

    with VirtualReactor() as reactor:
        peer = reactor.connect(lambda: Forgetful("Hello"))
        peer.send(b"Ada\n", chunk=1)
        reactor.settle()
        assert peer.received == b"Hello, Ada\r\n"
