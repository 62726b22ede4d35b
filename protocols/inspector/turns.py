"""Turns, as the state document shows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from reactor import ERROR, HANGUP, READ, WRITE, Turn

_MOST: Final = 20  # entries of each list
_LETTERS: Final = ((READ, "R"), (WRITE, "W"), (ERROR, "E"), (HANGUP, "H"))


def describe_turn(turn: Turn, describe: Callable[[int], dict[str, Any]]) -> dict[str, Any]:
    """``turn`` with the fields of a recording's line (see reactor/recording.py), and "step" and
    "running". At most 20 entries of each list are shown, and "more" counts the others. What peers
    send is not shown, even if an observer keeps it: others than the owner of a recording may see
    this. ``turn`` may still be running.

    ``describe``: describes a descriptor."""
    calls = turn._calls[:_MOST]
    flushes = turn._flushes[:_MOST]
    lists = (
        turn._calls,
        turn._flushes,
        turn.events,
        turn.opened,
        turn.modified,
        turn.closed,
        turn.errors,
    )
    shown: dict[str, Any] = {
        "turn": turn.number,
        "times": [round(when, 6) for when in turn.times.copy()],
        "reason": turn.reason,
        "step": turn.step,
        "running": turn.running,
    }
    more = turn.more + sum(max(len(entries) - _MOST, 0) for entries in lists)
    optional: dict[str, Any] = {
        "timer": turn.timer,
        "events": [[fd, letters(mask)] for fd, mask in _first(turn.events)],
        "calls": [_call(call) for call in calls],
        "flushes": [list(flush) for flush in flushes],
        "opened": [describe(fd) for fd in _first(turn.opened)],
        "modified": [[fd, letters(mask)] for fd, mask in _first(turn.modified)],
        "closed": list(_first(turn.closed)),
        "errors": list(_first(turn.errors)),
        "ended_by": turn.ended_by,
        "more": more,
    }
    if turn.timeout is not None:
        shown["timeout"] = round(turn.timeout, 6)
    return shown | {name: value for name, value in optional.items() if value}


def _first(entries: Sequence[Any]) -> list[Any]:
    # Not a loop over the events themselves: in an observed loop, that is step 4.
    return list.__getitem__(entries, slice(_MOST)) if isinstance(entries, list) else [*entries]


def letters(mask: int) -> str:
    """A mask in letters: R, W, E for an error and H for a hang-up."""
    return "".join(letter for bit, letter in _LETTERS if mask & bit)


def _call(call: tuple[Any, ...]) -> list[Any]:
    """The call without the values at its end that are 0, null, "" or false."""
    kind, name, took, fd, mask, *rest = call
    values = [kind, name, round(took * 1e6), fd, letters(mask), *rest]
    while not values[-1]:
        values.pop()
    return values


def newest_interesting(turns: Sequence[Turn]) -> Turn | None:
    """The newest of ``turns`` that had events or calls, else the last one."""
    for turn in reversed(turns):
        if turn._calls or len(turn.events):
            return turn
    return turns[-1] if turns else None


def time_of_steps(turns: Sequence[Turn]) -> list[float]:
    """Seconds that each step took, in all ``turns``; those that an exception has ended count as far
    as they came."""
    sums = [0.0] * 9
    count = [0.0] * 8
    for turn in turns:
        times = turn.times
        if len(times) == 9:
            sums = [total + when for total, when in zip(sums, times, strict=True)]
        else:
            for step, took in enumerate(turn.step_times[:8]):
                count[step] += took
    return [
        took + after - before for took, before, after in zip(count, sums, sums[1:], strict=False)
    ]
