"""The panels between the summary and the table: the turn step by step, what blocked, timers, the
slowest calls, errors. Each function returns at most ``rows`` lines, the first of them a title."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reactor import STEPS

from . import units
from .cells import Line, fit
from .documents import Document, as_number, entries, find, number, table, text

TURN_ROWS = 1 + len(STEPS)


def draw_turn(state: Document, rows: int) -> list[Line]:
    """The turn that the loop is in: what the steps before the current one did, and what those to
    come will do."""
    turn, pending = table(state, "turn"), table(state, "pending")
    step = int(number(turn, "step") or 0)
    title: Line = [("Turn ", "heading"), (text(turn, "turn"), "")]
    if text(turn, "running") and text(state, "control", "mode") != "paused":
        title += [("  running ", "dim"), (text(turn, "running"), "warning")]
    lines = [title]
    for each, name in enumerate(STEPS, 1):
        substance = _done(each, turn) if each < step else _to_come(each, turn, pending)
        current = each == step
        mark = ">" if current else " "
        style = "bold" if each <= step else "dim"
        lines.append(
            [
                (f"{mark} ", "alarm" if current else ""),
                (str(each), f"step{each}"),
                (f" {name:<9} ", "key" if current else style),
                (substance, style),
            ]
        )
    if rows < len(lines) and step:  # at least the step that comes next
        from_line = max(1, min(step, len(lines) - rows + 1))
        return [title, *lines[from_line : from_line + rows - 1]]
    return lines[:rows]


def _done(step: int, turn: Document) -> str:
    """What a step of this turn did."""
    calls = entries(turn, "calls")
    items: Iterable[str]
    match step:
        case 1:
            return _timeout(turn)
        case 2:
            return _waited(turn)
        case 4:
            items = (_call(call) for call in calls if _kind(call) == "event")
        case 5:
            items = (_call(call) for call in calls if _kind(call) not in ("event", "callback"))
        case 6:
            items = (_call(call) for call in calls if _kind(call) == "callback")
        case 7:
            items = (_flush(flush) for flush in entries(turn, "flushes"))
        case 8:
            items = (str(fd) for fd in entries(turn, "closed"))
        case _:
            return ""
    return ", ".join(items) or "nothing"


def _to_come(step: int, turn: Document, pending: Document) -> str:
    """What a step will do, or is doing."""
    items: Iterable[str]
    match step:
        case 1 | 2:
            return _timeout(turn) if text(turn, "reason") else ""
        case 4:
            items = (_event(event, pending) for event in entries(turn, "events"))
        case 5:
            items = (text(timer, "name") for timer in entries(pending, "timers"))
        case 6:
            items = (str(name) for name in entries(pending, "callbacks"))
        case 7:
            items = (_pending_flush(flush) for flush in entries(pending, "flushes"))
        case 8:
            items = (str(fd) for fd in entries(pending, "closes"))
        case _:
            return ""
    return ", ".join(items) or "nothing"


def _waited(turn: Document) -> str:
    times = [as_number(when) for when in entries(turn, "times")[:3]]
    waited = None
    if len(times) == 3 and times[1] is not None and times[2] is not None:
        waited = times[2] - times[1]
    events = len(entries(turn, "events"))
    return f"waited {units.duration(waited)}: {events} event{'' if events == 1 else 's'}"


def _timeout(turn: Document) -> str:
    seconds, why = number(turn, "timeout"), text(turn, "reason")
    timer = f" {text(turn, 'timer')}" if text(turn, "timer") else ""
    limit = "waits without a limit" if seconds is None else f"waits {units.duration(seconds)}"
    return f"{limit}: {why}{timer}"


def _event(event: Any, pending: Document) -> str:
    fd, mask = (event[0], event[1]) if isinstance(event, list) and len(event) > 1 else ("?", "")
    handler = table(pending, "handlers", str(fd))
    queued = number(handler, "queued")
    to_send = f"({units.size(queued)} to send)" if queued else ""
    parts = (str(fd), str(mask), text(handler, "handler"), text(handler, "peer"), to_send)
    return " ".join(filter(None, parts))


def _kind(call: Any) -> str:
    return str(call[0]) if isinstance(call, list) and call else ""


def _call(call: Any) -> str:
    """A call of a recording: kind, name, microseconds, descriptor, event, bytes."""
    values = [*call, *[None] * 6] if isinstance(call, list) else [None] * 6
    name, took, fd, mask, received = values[1:6]
    parts = [str(name)]
    if as_number(fd) is not None:
        parts.insert(0, " ".join(filter(None, (str(fd), str(mask or "")))))
    if as_number(received):
        parts.append(f"{units.size(as_number(received))} in")
    parts.append(units.duration((as_number(took) or 0.0) / 1e6))
    return " ".join(parts)


def _flush(flush: Any) -> str:
    values = flush if isinstance(flush, list) and len(flush) > 2 else ["?", None, None]
    left = as_number(values[2])
    rest = f", {units.size(left)} left" if left else ""
    return f"{values[0]}: {units.size(as_number(values[1]))} sent{rest}"


def _pending_flush(flush: Any) -> str:
    queued = units.size(number(flush, "queued"))
    to = " ".join(filter(None, (text(flush, "protocol"), text(flush, "peer"))))
    return f"{text(flush, 'fd')} {to}: {queued} to send"


# -- at full speed ---------------------------------------------------------------------------------


def draw_blocked(state: Document, rows: int, now: float | None) -> list[Line]:
    """The turns that took too long, and the line of code that they were in."""
    recent = entries(state, "blocked", "recent")
    if not recent:
        return []
    total = text(state, "blocked", "total")
    lines: list[Line] = [[("What blocked ", "heading"), (total, "")]]
    for block in recent[: max(0, rows - 1)]:
        took = units.duration(number(block, "took"))
        going_on = bool(find(block, "going_on"))
        ago = " now" if going_on else f"{_ago(block, now)} ago"
        lines.append(
            [
                (fit(took, 7, right=True), "alarm" if going_on else "bad"),
                (fit(ago, 11, right=True) + "  ", "dim"),
                (text(block, "where") or text(block, "name"), ""),
                ("  ", ""),
                (text(block, "line").strip(), "bold"),
            ]
        )
    return lines[:rows]


def _ago(document: Any, now: float | None) -> str:
    at = number(document, "at")
    return units.UNKNOWN if at is None or now is None else units.duration(max(0.0, now - at))


def draw_timers(state: Document, rows: int, now: float | None) -> list[Line]:
    """The timers that are due next."""
    title: Line = [("Timers ", "heading")]
    for name in ("total", "idle", "cancelled"):
        value = number(state, "timers", name)
        if value is not None:
            label = "set" if name == "total" else name
            title += [(units.amount(value), ""), (f" {label}  ", "dim")]
    lines = [title]
    for timer in entries(state, "timers", "next")[: max(0, rows - 1)]:
        at = number(timer, "expires_at")
        if at is None:
            at = number(timer, "at")
        left = None if at is None or now is None else max(0.0, at - now)
        lines.append(
            [
                (fit(units.duration(left), 7, right=True) + " ", "bold"),
                (text(timer, "name"), ""),
                (f"  {text(timer, 'kind')}", "dim"),
            ]
        )
    return lines[:rows]


def draw_slowest(state: Document, rows: int) -> list[Line]:
    """What took the most time in the last minute."""
    head = "   total longest  calls"
    if sampled := number(state, "steps", "sampled"):
        head += f"  1 of {sampled:.0f} turns measured"
    lines: list[Line] = [[("Slowest ", "heading"), (head, "dim")]]
    lines += [
        [
            (fit(units.duration(number(entry, "seconds")), 15, right=True), "bold"),
            (fit(units.duration(number(entry, "longest")), 8, right=True), ""),
            (fit(units.amount(number(entry, "calls")), 7, right=True), ""),
            (f"  {text(entry, 'name')}", ""),
        ]
        for entry in entries(state, "slowest")[: max(0, rows - 1)]
    ]
    return lines[:rows]


def draw_errors(state: Document, rows: int, now: float | None) -> list[Line]:
    """The newest error, if there was one."""
    recent = entries(state, "errors", "recent")
    if not recent or rows < 1:
        return []
    total = text(state, "errors", "total")
    return [
        [
            (f"Errors {total} ", "bad"),
            (f"{_ago(recent[0], now)} ago  ", "dim"),
            (text(recent[0], "text"), ""),
        ]
    ]
