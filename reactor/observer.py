"""Observing a loop: what each turn waited for, what it ran, what it sent, and what it closed.

A program passes an ``Observer`` to ``Reactor.add_observer``. The loop then makes a ``Turn`` for
each turn and passes it to the observer, at each of the eight steps and at the end. How that is
measured is in observation.py."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import islice, pairwise
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from .loop import Loop
from .pollers import ERROR, HANGUP, READ, WRITE

#: The steps of a turn, in their order. Step 1 is the first of them.
STEPS: Final = ("timeout", "wait", "clock", "dispatch", "timers", "callbacks", "flush", "close")
TIMEOUT, WAIT, CLOCK, DISPATCH, TIMERS, CALLBACKS, FLUSH, CLOSE = range(1, 9)

# Attributes of a turn that are lists.
_LISTS: Final = (
    "_calls",
    "_flushes",
    "events",
    "opened",
    "modified",
    "unregistered",
    "closed",
    "errors",
)
_LETTERS: Final = ((READ, "R"), (WRITE, "W"), (ERROR, "E"), (HANGUP, "H"))


class Call(NamedTuple):
    """Something that a turn has run.

    ``kind``: "event" for a descriptor's handler, "callback", or what kind of timer: "timer", "idle
    timer" or "deadline". ``name``: see ``Turn.running``. ``took``: seconds. ``fd``: the descriptor
    of an event, or of the transport that the callback belongs to. ``mask``: of an event.
    ``received``: bytes that it has received. ``rearmed``: whether the timer was set again, because
    it was not due yet or by its callback."""

    kind: str
    name: str
    took: float
    fd: int | None = None
    mask: int = 0
    received: int = 0
    rearmed: bool = False


class Flush(NamedTuple):
    """What was sent to one descriptor: ``sent`` and ``left`` are bytes, ``left`` those that still
    wait. Most of it is sent in step 7; a flush in an earlier step is here as well."""

    fd: int
    sent: int
    left: int


class Turn:
    """One turn of a loop. While it runs, later attributes are still empty.

    * ``number``: the turns before it. ``step``: the step that it is in, 1 to 8.
    * ``times``: when each step began, and at the end when the turn ended; seconds of the loop's
      clock. A step with nothing to do begins together with the next one.
    * ``timeout`` and ``reason``: how long it may wait at most, in seconds, and why: "callbacks",
      "writes" or "closing" are waiting; "timer"; "caller", which is ``run_once``; "catching up"
      after a stall; "events" if only they end the wait. ``timer``: the name of that timer.
    * ``events``: what the poller has reported, as ``(fd, mask)``.
    * ``running``: the name of what runs or has run last, ``Class.method`` of the protocol where
      there is one. Names are short, and never contain data.
    * ``calls`` and ``flushes``: see ``Call`` and ``Flush``. ``errors``: what was reported, one line
      each.
    * ``opened``: descriptors that were registered. ``modified``: changes of what descriptors are
      watched for, as ``(fd, mask)``. ``unregistered``: descriptors that are not watched any more.
      ``closed``: descriptors that were closed.
    * ``received_data`` and ``sent_data``: the first bytes for each descriptor, if an observer has
      asked for them (``Observer.payload``).
    * ``ended_by``: the name of the exception that ended the loop in this turn, or "".
    * ``more``: entries that were removed to limit the size of the turn.
    * ``is_measured``: False in a turn of which a ``SampledTraffic`` does not get everything."""

    # What most turns do not change is in the class, and lists are made when they are needed: a turn
    # that handles one event should cost little more than without an observer.
    step = 1
    timeout: float | None = None
    reason = ""
    timer = ""
    events: Sequence[tuple[int, int]] = ()
    running = ""
    opened: Sequence[int] = ()
    modified: Sequence[tuple[int, int]] = ()
    unregistered: Sequence[int] = ()
    closed: Sequence[int] = ()
    errors: Sequence[str] = ()
    received_data: Mapping[int, bytes] = MappingProxyType({})
    sent_data: Mapping[int, bytes] = MappingProxyType({})
    ended_by = ""
    more = 0
    is_measured = True
    is_notable = False  # whether something is in one of the lists that most turns do not have

    def __init__(self, number: int, began: float) -> None:
        self.number = number
        self.times = [began]
        self._calls: list[tuple[Any, ...]] = []  # plain tuples: a NamedTuple takes four times as
        self._flushes: list[tuple[int, int, int]] = []  # long to make

    @property
    def calls(self) -> list[Call]:
        """What was run, in order."""
        return [Call(*call) for call in self._calls]

    @property
    def flushes(self) -> list[Flush]:
        """What was sent, in order."""
        return [Flush(*flush) for flush in self._flushes]

    @property
    def step_times(self) -> list[float]:
        """Seconds that each step took; of a turn that has ended, eight numbers."""
        times = self.times
        return [after - before for before, after in pairwise(times)]

    def trimmed(self, most: int) -> Turn:
        """This turn with at most ``most`` entries in each list, and the number of the others in
        ``more``. A copy, unless nothing is removed."""
        cut = {
            name: entries[:most] for name in _LISTS if len(entries := getattr(self, name)) > most
        }
        if not cut:
            return self
        turn = Turn.__new__(Turn)
        turn.__dict__.update(self.__dict__, **cut)  # copy.copy() would take four times as long
        turn.more += sum(len(getattr(self, name)) - most for name in cut)
        for name in ("received_data", "sent_data"):
            if len(data := getattr(self, name)) > most:
                setattr(turn, name, dict(islice(data.items(), most)))
        return turn


def mask_letters(mask: int) -> str:
    """An event mask in letters: R, W, E for an error and H for a hang-up."""
    return "".join(letter for bit, letter in _LETTERS if mask & bit)


class Observer:
    """Watches a loop: override what is needed. All methods are called in the loop's thread.

    What an observer raises is logged once, with its traceback, and ends its observation. Only
    ``KeyboardInterrupt`` and ``SystemExit`` pass (``FATAL``).

    ``payload``: bytes to keep of what each descriptor receives and sends in a turn; 0 for none."""

    payload = 0

    def attached(self, loop: Loop) -> None:
        """The observation of ``loop`` begins with the next turn."""

    def detached(self, loop: Loop) -> None:
        """The observation has ended: the observer was removed, or the loop is closed."""

    def step_begins(self, turn: Turn) -> None:
        """Step ``turn.step`` begins. This is called for every step, also for one with nothing to
        do. An observer that does not override it costs nothing here."""

    def turn_ended(self, turn: Turn) -> None:
        """The turn is over. The observer may keep ``turn``, but other observers get the same
        object."""


class RecentTurns(Observer):
    """Keeps the newest turns, in ``turns``: at most ``number`` of them, and ``most`` entries of
    each list of a turn. What is kept costs time: with the defaults it fits into the processor's
    cache."""

    def __init__(self, number: int = 200, most: int = 20) -> None:
        self.turns: deque[Turn] = deque(maxlen=number)
        self.most = most

    def turn_ended(self, turn: Turn) -> None:
        most = self.most
        # Long lists of the others are rare: look at them only if there are events or calls.
        if len(turn._calls) > most or len(turn._flushes) > most or turn.opened or turn.unregistered:
            turn = turn.trimmed(most)
        self.turns.append(turn)
