"""Server-sent events are parsed however their bytes are split, and are bounded."""

import pytest

from protocols.inspector.terminal.events import Event, EventParser

STREAM = (
    "retry: 1000\n\n"
    ":\n\n"
    'event: hello\nid: 1\ndata: {"a": "ü"}\n\n'
    "data: one\r\ndata:two\r\n\r\n"
    "event: patch\rdata: 3\r\r"
    "event: nothing\n\n"
    "data: the end\n\n"
).encode()
EVENTS = [
    Event("hello", '{"a": "ü"}'),
    Event("message", "one\ntwo"),
    Event("patch", "3"),
    Event("message", "the end"),
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, len(STREAM)])
def test_events_are_parsed_however_they_are_split(size):
    parser = EventParser()
    events = []
    for start in range(0, len(STREAM), size):
        events += parser.feed(STREAM[start : start + size])

    assert events == EVENTS


def test_an_event_is_complete_only_with_its_empty_line():
    parser = EventParser()

    assert parser.feed(b"data: 1\n") == []
    assert parser.feed(b"\n") == [Event("message", "1")]


@pytest.mark.parametrize("data", [b"data: " + b"x" * 100, b"data: 12345678\n" * 8])
def test_an_event_that_is_too_long_is_an_error(data):
    parser = EventParser(max_size=100)

    with pytest.raises(ValueError, match="more than 100 bytes"):
        parser.feed(data)


def test_the_limit_is_for_each_event():
    parser = EventParser(max_size=100)

    assert len(parser.feed(b"data: 12345678\n\n" * 50)) == 50
