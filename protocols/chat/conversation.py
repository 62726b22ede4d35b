"""What a member sends: it passes flood control first, then it is executed.

A way in calls these functions with what its peer sent. A way in for people who type calls
``receive`` with each line, in the grammar of ``commands.py``. One with a different grammar calls
``submit``, for example ``submit(member, member.say, text, size=len(text))``.

Flood control delays lines that arrive too fast. They wait in the member's ``gate`` until a timer
executes them. If something cannot be done, the member gets the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reactor.errors import FATAL

from . import commands
from .flood import FloodGate, Verdict
from .member import Member
from .messages import ChatError, ErrorCode, Kind

# Sent to a member that is disconnected for flooding.
TOO_FAST = "You kept sending too fast"

Done = Callable[[ChatError | None], object]


def receive(member: Member, line: str, room: str | None = None, done: Done | None = None) -> None:
    """Execute ``line``, as it was typed: now, later or never, as flood control decides.

    ``room``: the name of the room where it was typed; None for the member's only one. ``done``: for
    a way in that reports on each line. It is called once: with None when the line has been
    executed, or with the error if it could not be or was dropped; never if the member is dismissed
    before that. Without ``done``, the member gets the error.

    The line is not clean yet. Cleaning comes after flood control, because it would be most of the
    cost of a line that is dropped.
    """
    function: Callable[..., object] = commands.execute
    args: tuple[Any, ...] = (member, line, room)
    if done is not None:
        function, args = _execute, (member, line, room, done)
    if line[:1] == "/" and commands.is_ping(line):
        taken = heartbeat(member)
        if taken:
            _perform(member, function, args)
    else:
        taken = submit(member, function, *args, size=len(line))
    if not taken and done is not None and not member.gone:
        why = "You are sending too fast: this line was dropped"
        done(ChatError(why, ErrorCode.TOO_FAST))


def submit(member: Member, function: Callable[..., object], *args: Any, size: int = 0) -> bool:
    """Call ``function(*args)`` now, later or never, as flood control decides. Return whether it
    is called now or later.

    ``size``: how many characters it counts as. If the function raises ChatError, the member gets
    the error.
    """
    if member.gone:
        return False
    now = member.spoke = member.hub.scheduler.time()
    gate = member.gate or _new_gate(member)
    verdict = gate.admit(now, size, (function, args))
    if verdict is Verdict.PASS:
        _perform(member, function, args)
    elif verdict is Verdict.QUEUED:
        if gate.timer is None:
            _set_timer(member, gate, now)
    else:
        _refuse(member, verdict)
        return False
    return True


def heartbeat(member: Member, count: int = 1) -> bool:
    """Note ``count`` signs of life that arrived together and need no answer. Return whether flood
    control lets them pass."""
    if member.gone:
        return False
    gate = member.gate or _new_gate(member)
    verdict = gate.admit_ping(member.hub.scheduler.time(), count)
    if verdict is Verdict.PASS:
        return True
    _refuse(member, verdict)
    return False


def charge(member: Member, tokens: float) -> None:
    """Take ``tokens`` from the flood control of ``member``, for a request that takes more time than
    its length shows. The next lines of the member wait."""
    if member.gate is not None:
        member.gate.charge(member.hub.scheduler.time(), tokens)


def finish(member: Member, reason: str, parting: str) -> None:
    """Dismiss ``member`` when all waiting lines have been executed: see ``Member.dismiss``.

    For a way in whose peer will send nothing more.
    """
    last = (member.dismiss, (reason, parting))
    if member.gate is None or member.gate.admit_last(last) is Verdict.PASS:
        member.dismiss(reason, parting)


def _new_gate(member: Member) -> FloodGate:
    gate = member.gate = FloodGate(member.hub.flood)
    return gate


def _execute(member: Member, line: str, room: str | None, done: Done) -> None:
    try:
        commands.execute(member, line, room)
    except ChatError as exc:
        done(exc)
    else:
        done(None)


def _perform(member: Member, function: Callable[..., object], args: tuple[Any, ...]) -> None:
    try:
        function(*args)
    except ChatError as exc:
        member.tell(Kind.ERROR, str(exc))


def _set_timer(member: Member, gate: FloodGate, now: float) -> None:
    delay = gate.delay(now)
    if delay is not None:
        gate.timer = member.hub.scheduler.call_later(delay, _release_lines, member, gate)


def _release_lines(member: Member, gate: FloodGate) -> None:
    """Execute the lines that may pass now."""
    gate.timer = None
    now = member.hub.scheduler.time()
    try:
        while not member.gone and (job := gate.release(now)):
            _perform(member, *job)
    except FATAL:
        raise
    except BaseException as exc:
        member.fail(exc)
    if not member.gone:
        _set_timer(member, gate, now)


def _refuse(member: Member, verdict: Verdict) -> None:
    hub = member.hub
    hub.lines_dropped += 1
    if verdict is Verdict.WARN:
        member.tell(
            Kind.NOTICE, "You are sending too fast: lines are being dropped until you slow down"
        )
    elif verdict is Verdict.EXPEL:
        hub.members_expelled += 1
        member.dismiss("flooding", TOO_FAST)
