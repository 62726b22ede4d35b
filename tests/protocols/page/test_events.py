"""Server-sent events: how they are framed, when a stream is kept alive, and when it ends."""

from __future__ import annotations

import pytest

from protocols.http import HTTPServer
from protocols.page.events import KEEP_ALIVE, EventStream
from reactor.testing import VirtualReactor


@pytest.fixture
def reactor():
    with VirtualReactor() as reactor:
        yield reactor


class Page:
    """A client with one stream."""

    def __init__(self, reactor):
        self.closed = 0
        self.reactor = reactor
        self.peer = reactor.connect(HTTPServer(self._handle))
        self.peer.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        reactor.settle()
        self.head, _, first = bytes(self.peer.received).partition(b"\r\n\r\n")
        self.seen = len(self.peer.received)
        assert b"retry: 1000\n\n" in first

    def _handle(self, request):
        self.stream = EventStream(request, on_closed=self._count)

    def _count(self):
        self.closed += 1

    def new(self):
        self.reactor.settle()
        data = bytes(self.peer.received)[self.seen :]
        self.seen += len(data)
        return b"".join(data.split(b"\r\n")[1::2])


def test_it_may_not_be_stored_or_collected(reactor):
    head = Page(reactor).head.lower()
    assert b"content-type: text/event-stream" in head
    assert b"cache-control: no-store" in head
    assert b"x-accel-buffering: no" in head


def test_events_have_a_type_and_an_id_if_they_are_given(reactor):
    page = Page(reactor)
    page.stream.send("hello")
    assert page.new() == b"data: hello\n\n"
    page.stream.send("hello", "greeting", "7")
    assert page.new() == b"event: greeting\nid: 7\ndata: hello\n\n"


def test_data_of_several_lines_is_one_event(reactor):
    page = Page(reactor)
    page.stream.send("one\ntwo")
    assert page.new() == b"data: one\ndata: two\n\n"


def test_a_silent_stream_sends_comments(reactor):
    page = Page(reactor)
    reactor.advance(KEEP_ALIVE - 1)
    page.stream.send("x")
    page.new()
    reactor.advance(KEEP_ALIVE - 1)
    assert page.new() == b""
    reactor.advance(2)
    assert page.new() == b":\n\n"
    reactor.advance(KEEP_ALIVE)
    assert page.new() == b":\n\n"


def test_it_tells_once_that_the_client_has_left(reactor):
    page = Page(reactor)
    page.peer.reset()
    reactor.settle()
    assert page.closed == 1
    assert page.stream.is_closed
    page.stream.send("nobody reads this")
    reactor.advance(2 * KEEP_ALIVE)
    assert page.closed == 1


def test_closing_it_ends_the_response(reactor):
    page = Page(reactor)
    page.stream.close()
    reactor.settle()
    assert bytes(page.peer.received).endswith(b"0\r\n\r\n")
    page.stream.send("too late")
    reactor.advance(2 * KEEP_ALIVE)
    assert bytes(page.peer.received).endswith(b"0\r\n\r\n")
