"""Turns as trace events, which https://ui.perfetto.dev and chrome://tracing show.

The format is Chrome's "Trace Event Format". A *complete event* (``"ph": "X"``) has a beginning and
a duration, in microseconds. Events of one thread that lie within each other are drawn nested: calls
in their step, steps in their turn. The time is the loop's clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, Final

from reactor import ERROR, HANGUP, READ, STEPS, WRITE, Turn

_WAIT, _DISPATCH, _TIMERS, _CALLBACKS, _FLUSH, _CLOSE = 2, 4, 5, 6, 7, 8
_STEP_OF_KIND: Final = {"event": _DISPATCH, "callback": _CALLBACKS}  # the other kinds are timers
_THREAD: Final = 1
_LETTERS: Final = ((READ, "R"), (WRITE, "W"), (ERROR, "E"), (HANGUP, "H"))

Event = dict[str, Any]


def trace(turns: Iterable[Turn], *, title: str, pid: int) -> Event:
    """The whole trace, as an object for JSON. ``title``: the name of the process ``pid``."""
    events = [_name("process_name", title), _name("thread_name", "event loop")]
    for turn in turns:
        events += _turn(turn)
    for event in events:
        event["pid"] = pid
        event["tid"] = _THREAD
    return {"traceEvents": events, "displayTimeUnit": "ms"}


def _turn(turn: Turn) -> Iterator[Event]:
    times = turn.times
    whole: dict[str, Any] = {"reason": turn.reason}
    if turn.ended_by:
        whole["ended_by"] = turn.ended_by
    if turn.more:
        whole["left_out"] = turn.more
    yield _complete(f"turn {turn.number}", "turn", times[0], times[-1], whole)
    for step, (begin, end) in enumerate(pairwise(times), 1):
        if end > begin:  # otherwise there was nothing to do
            yield _complete(f"{step} {STEPS[step - 1]}", "step", begin, end, _substance(turn, step))
        yield from _calls(turn, step, begin, end)
    for error in turn.errors:
        yield {"ph": "i", "s": "t", "cat": "error", "name": error, "ts": _microseconds(times[-1])}


def _calls(turn: Turn, step: int, begin: float, end: float) -> Iterator[Event]:
    """What ran in ``step``: one after another, each since the end of the one before."""
    for call in turn.calls:
        if _STEP_OF_KIND.get(call.kind, _TIMERS) != step:
            continue
        shown: dict[str, Any] = {"kind": call.kind}
        if call.fd is not None:
            shown["fd"] = call.fd
        if call.mask:
            shown["event"] = _letters(call.mask)
        if call.received:
            shown["received"] = call.received
        if call.rearmed:
            shown["rearmed"] = True
        call_end = min(begin + call.took, end)  # rounding must not let it end after its step
        yield _complete(call.name, call.kind, begin, call_end, shown)
        begin = call_end


def _substance(turn: Turn, step: int) -> dict[str, Any]:
    """What the step was about."""
    if step == _WAIT:
        shown: dict[str, Any] = {"timeout": turn.timeout, "reason": turn.reason}
        if turn.timer:
            shown["timer"] = turn.timer
        return shown
    if step == _DISPATCH:
        return {"events": [[fd, _letters(mask)] for fd, mask in turn.events]}
    if step == _FLUSH:
        return {"flushes": [flush._asdict() for flush in turn.flushes]}
    if step == _CLOSE and turn.closed:
        return {"closed": list(turn.closed)}
    return {}


def _complete(name: str, category: str, begin: float, end: float, shown: dict[str, Any]) -> Event:
    ts = _microseconds(begin)
    duration = round(_microseconds(end) - ts, 3)
    return {"ph": "X", "cat": category, "name": name, "ts": ts, "dur": duration, "args": shown}


def _name(what: str, name: str) -> Event:
    return {"ph": "M", "name": what, "args": {"name": name}}


def _microseconds(seconds: float) -> float:
    return round(seconds * 1e6, 3)


def _letters(mask: int) -> str:
    return "".join(letter for bit, letter in _LETTERS if mask & bit)
