"""The command line's log: data from peers cannot look like a line of the log, nor control the
terminal."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Callable, Iterator

import pytest

from reactor.command.logs import LogFormatter

FORGED = "x\n2026-01-01 00:00:00,000 INFO reactor: all is well\r\x1b[2J\x9b31m\x85\u2028\x00\x7f\ty"
LINE = re.compile(r"[0-9-]{10} [0-9:,]{12} ERROR tests: ")

Log = Callable[..., list[str]]


@pytest.fixture
def log() -> Iterator[Log]:
    """``log(message, …)`` logs an error, and returns the lines that are written."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LogFormatter())
    logger = logging.getLogger("tests")
    logger.addHandler(handler)

    def write(*arguments: object, **options: object) -> list[str]:
        logger.error(*arguments, **options)  # type: ignore[arg-type]
        return stream.getvalue().splitlines(keepends=True)

    yield write
    logger.removeHandler(handler)


def check(lines: list[str]) -> None:
    first, *rest = lines
    assert LINE.match(first)
    assert all(line.startswith("    ") for line in rest)
    assert all(line.endswith("\n") for line in lines)  # no other line end is left
    text = "".join(lines)
    assert all(char.isprintable() or char in "\n\t" for char in text)
    assert r"all is well\x0d\x1b[2J\x9b31m\x85\u2028\x00\x7f" in text


def test_control_characters_in_a_message_are_escaped(log: Log) -> None:
    check(log("no such item: %s", FORGED))


def test_control_characters_in_a_traceback_with_causes_and_notes_are_escaped(log: Log) -> None:
    try:
        try:
            raise ValueError(FORGED)
        except ValueError as exc:
            exc.add_note(FORGED)
            raise ExceptionGroup(FORGED, [LookupError(FORGED)]) from exc
    except ExceptionGroup:
        lines = log("failed", exc_info=True)
    check(lines)
    assert "    Traceback (most recent call last):\n" in lines


def test_control_characters_with_a_stack_are_escaped(log: Log) -> None:
    lines = log(FORGED, stack_info=True)
    check(lines)
    assert "    Stack (most recent call last):\n" in lines


def test_an_ordinary_record_is_unchanged(log: Log) -> None:
    [line] = log("café: %d", 1)
    assert line.endswith(" ERROR tests: café: 1\n")
