"""The upper part of the screen: what the loop is, how busy it is, and with which steps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import takewhile

from reactor import STEPS

from . import units
from .cells import Line, Look, width_of
from .documents import Document, as_number, entries, find, number, table, text

_WAIT = STEPS.index("wait")


@dataclass(frozen=True)
class Rates:
    """The last second: ``turns`` a second, ``load`` from 0 to 1, ``events`` in each turn, ``lag``
    in seconds. None: not known."""

    turns: float | None = None
    load: float | None = None
    events: float | None = None
    lag: float | None = None


@dataclass(frozen=True)
class Interval:
    """A part of the last minute; times in seconds. ``longest``: the longest work in one turn."""

    waited: float
    worked: float
    turns: float
    events: float
    longest: float


def intervals(state: Document) -> dict[int, Interval]:
    """The last minute, by the numbers of the intervals."""
    found = {}
    for key, values in table(state, "strip").items():
        if key.isdecimal() and len(key) < 16 and isinstance(values, list) and len(values) >= 5:
            numbers = [as_number(value) or 0.0 for value in values[:5]]
            found[int(key)] = Interval(*numbers)
    return dict(sorted(found.items()))


def last_second(hello: Document, state: Document) -> Rates:
    """The rates of the newest intervals. The last one is still going on, so what is divided by is
    not its length but the time that the loop has spent."""
    length = number(hello, "strip", "interval") or 0.25
    by_number = intervals(state)
    if not by_number:
        return Rates()
    newest = max(by_number)
    since = newest - max(1, round(1 / length))
    recent = [one for key, one in by_number.items() if key > since]
    seconds = sum(one.waited + one.worked for one in recent)
    turns = sum(one.turns for one in recent)
    events = sum(one.events for one in recent)
    return Rates(
        turns / seconds if seconds else None,
        sum(one.worked for one in recent) / seconds if seconds else None,
        events / turns if turns else None,
        max(one.longest for one in recent),
    )


def blocked_now(state: Document) -> float:
    """For how many seconds the loop has been blocked, 0 if it is not."""
    blocks = entries(state, "blocked", "recent")
    going_on = [block for block in blocks if find(block, "going_on")]
    return max((number(block, "took") or 0.0 for block in going_on), default=0.0)


def header(hello: Document, state: Document, lost: bool, columns: int) -> Line:
    """One line: the title, and what the loop does."""
    title = text(hello, "title") or "loop"
    facts = f" pid {text(hello, 'pid')}"
    if columns >= 80:
        facts += f"  Python {text(hello, 'python')}  {text(hello, 'poller')}"
    left: Line = [(f" {title}", "reverse"), (f" {facts} ", "reverse")]
    right = _mode(state, lost)
    started, wall = number(hello, "started"), number(state, "loop", "wall")
    if started is not None and wall is not None and columns >= 60:
        right.append((f" up {units.duration(max(0.0, wall - started))} ", "reverse"))
    room = columns - width_of(left) - width_of(right)
    if room < 0:  # the title is what can be cut
        left, room = [(f" {title}"[: max(0, columns - width_of(right))], "reverse")], 0
        room = max(0, columns - width_of(left) - width_of(right))
    return [*left, (" " * room, "reverse"), *right]


def _mode(state: Document, lost: bool) -> Line:
    if lost:
        return [(" NOT CONNECTED ", "alarm")]
    line: Line = []
    recording = find(state, "control", "recording")
    if isinstance(recording, dict):
        line.append((f" REC {units.size(number(recording, 'size'))} ", "alarm"))
    mode = text(state, "control", "mode")
    if mode == "paused":
        line.append((" PAUSED ", "alarm"))
    elif blocked := blocked_now(state):
        line.append((f" BLOCKED {units.duration(blocked)} ", "alarm"))
    elif mode == "slow":
        speed = number(state, "control", "turns_per_second")
        line.append((f" SLOW {speed or 0:g}/s ", "caution"))
    elif find(state, "loop", "stopping"):
        line.append((" STOPPING ", "caution"))
    elif find(state, "loop", "running") is False:
        line.append((" NOT RUNNING ", "caution"))
    elif find(state, "loop", "catching_up"):
        line.append((" CATCHING UP ", "caution"))
    else:
        line.append((" running ", "reverse"))
    return line


def figures(hello: Document, state: Document, columns: int) -> Line:
    """One line of numbers, the most important first."""
    rates = last_second(hello, state)
    load = units.UNKNOWN if rates.load is None else units.share(rates.load)
    lag = rates.lag
    if blocked := blocked_now(state):
        lag = max(lag or 0.0, blocked)
    watchdog = number(hello, "watchdog") or 0.1
    short = columns < 70
    shown: list[tuple[str, str, str]] = [
        ("t/s" if short else "turns/s", units.rate(rates.turns), ""),
        ("load", load, "bad" if (rates.load or 0) > 0.9 else ""),
        ("ev/t" if short else "events/turn", units.rate(rates.events), ""),
        ("lag", units.duration(lag), "bad" if (lag or 0) >= watchdog else ""),
    ]
    stats = table(state, "stats")
    for name, label, form in (
        ("connections", "connections", units.amount),
        ("bytes_received", "in", units.size),
        ("bytes_sent", "out", units.size),
        ("refused", "refused", units.amount),
        ("writes_dropped", "dropped writes", units.amount),
        ("datagrams_dropped", "dropped datagrams", units.amount),
        ("stalled_time", "stalled", units.duration),
    ):
        value = number(stats, name)
        if value is None or (not value and name not in ("connections", "bytes_received")):
            continue
        bad = name in ("refused", "writes_dropped", "datagrams_dropped", "stalled_time")
        shown.append((label, form(value), "warning" if bad else ""))
    line: Line = []
    for label, shown_value, style in shown:
        piece: Line = [
            (f"{' ' if short else '  '}{label} " if line else f"{label} ", "dim"),
            (shown_value, style or "bold"),
        ]
        if width_of(line) + width_of(piece) > columns:
            break
        line += piece
    return line


# -- steps -----------------------------------------------------------------------------------------


def step_shares(hello: Document, state: Document) -> list[float]:
    """The share of time of each of the eight steps in the last second; empty if not known.

    ``steps`` has only turns that have ended. The strip also has the wait that the loop is in, so it
    says how long the loop has waited, and ``steps`` how the rest is divided."""
    seconds = [max(0.0, as_number(value) or 0.0) for value in entries(state, "steps", "seconds")]
    load = last_second(hello, state).load
    if len(seconds) != len(STEPS) or load is None:
        return []
    seconds[_WAIT] = 0.0
    worked = sum(seconds)
    shares = [load * value / worked if worked else 0.0 for value in seconds]
    shares[_WAIT] = 1.0 - load
    return shares


def steps_bar(hello: Document, state: Document, columns: int) -> Line:
    """The last second as a bar. Each cell has the number of its step, so that it can be read
    without colours. A step that took any time has at least one cell."""
    label = "steps "
    shares = step_shares(hello, state)
    if not shares:
        return [(label, "dim"), (units.UNKNOWN, "dim")]
    room = max(8, columns - len(label))
    cells = [math.ceil(share * room) if share >= 0.0005 else 0 for share in shares]
    while sum(cells) > room:
        cells[cells.index(max(cells))] -= 1
    pieces = [(str(step) * count, f"step{step}") for step, count in enumerate(cells, 1) if count]
    return [(label, "dim"), *pieces]


def steps_legend(hello: Document, state: Document, columns: int) -> Line:
    """The names of the steps and their shares; those that matter most, if it is narrow."""
    shares = step_shares(hello, state) or [0.0] * 8
    line: Line = [("      ", "")]
    items: list[tuple[float, int, Line]] = []
    for step, share in enumerate(shares, 1):
        name = f" {STEPS[step - 1]} "
        items.append(
            (share, step, [(str(step), f"step{step}"), (name, "dim"), (units.share(share), "")])
        )
    by_share = sorted(items, key=lambda item: -item[0])
    widths = [width_of(item[2]) + 2 for item in by_share]
    room = columns - 6
    kept = list(takewhile(lambda count: sum(widths[:count]) <= room, range(1, 9)))
    chosen = by_share[: len(kept)]
    for _, _, piece in sorted(chosen, key=lambda item: item[1]):
        line += [*piece, ("  ", "")]
    return line


# -- the last minute -------------------------------------------------------------------------------


def strip(hello: Document, state: Document, columns: int, look: Look) -> Line:
    """The last minute: how much of its time the loop has worked, the newest at the right. What is
    red had a turn that was longer than the watchdog allows."""
    label = "load  "
    room = max(1, columns - len(label))
    by_number = intervals(state)
    buckets = max(1, min(3600, int(number(hello, "strip", "buckets") or 240)))
    watchdog = number(hello, "watchdog") or 0.1
    if not by_number:
        return [(label, "dim"), (units.UNKNOWN, "dim")]
    per_cell = math.ceil(buckets / room)
    newest = max(by_number)
    # A cell begins at a multiple of its length, or all of them would change with each interval.
    last = newest // per_cell
    line: Line = [(label, "dim")]
    for cell in range(last - math.ceil(buckets / per_cell) + 1, last + 1):
        ours = [
            one
            for key in range(cell * per_cell, (cell + 1) * per_cell)
            if (one := by_number.get(key)) is not None
        ]
        line.append(_column(ours, watchdog, look))
    return line


def _column(ours: list[Interval], watchdog: float, look: Look) -> tuple[str, str]:
    worked = sum(one.worked for one in ours)
    seconds = worked + sum(one.waited for one in ours)
    if not seconds:
        return " ", ""
    load = worked / seconds
    ramp = look.ramp
    level = min(len(ramp) - 1, max(1, math.ceil(load * (len(ramp) - 1))))
    slow = any(one.longest >= watchdog for one in ours)
    return ramp[level], "bad" if slow else "warning" if load > 0.7 else "good"
