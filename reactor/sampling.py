"""How a busy loop is observed by samples.

To measure each call takes about a microsecond, which is much where a call takes five. A
``SampledTraffic`` does not need all of them: while few things happen it gets every turn, measured
in full. When turns come thick, only as many are measured as fit into a budget, and the turns
between them are *light*. In a light turn these are exact as well:

* the bytes that each descriptor receives and sends, its last event, and what opens and closes
* how long the turn waited and worked, and how many events it had
* timers, errors, and calls that take longer than a millisecond

So only names and durations of short calls are missing. With any other observer, such as a recorder
or a stepper, all turns are measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

from .interfaces import Handler
from .loop import Loop
from .naming import Names, owner_of, timer_kind
from .observer import CALLBACKS, DISPATCH, TIMERS, WAIT, Turn
from .timers import Handle, Timer
from .traffic import DescriptorTraffic, SampledTraffic
from .transports.base import BaseTransport

_SLOW: Final = SampledTraffic.slow
#: How much may be measured in a second: a turn counts as ``_OF_TURN`` calls, four flushes as one.
_BUDGET: Final = 5_000
_OF_TURN: Final = 5
_SAVED: Final = 0.1  # seconds for which a budget that is not used is kept


class Observed(Protocol):
    """What this needs of ``Observation``."""

    loop: Loop
    turn: Turn
    names: Names
    light: Sampling | None
    lost_handlers: dict[int, Handler]
    between: Turn | None
    last: float
    plain_turn: Callable[[float | None], None]
    plain_poll: Callable[[float | None], list[tuple[int, int]]]
    plain_run_handle: Callable[[Handle], None]

    def begin_light_turn(self, sampling: Sampling) -> Turn: ...
    def turn_is_over(self, turn: Turn, now: float) -> None: ...


class Sampling:
    """The light turns of one loop, for its only observer."""

    def __init__(self, observation: Observed, observer: SampledTraffic) -> None:
        self._observation = observation
        self._loop = observation.loop
        self._passed = observer.turn_passed
        self.descriptors = observer.descriptors
        self.light_until = float("-inf")  # when the next turn may be measured, by the loop's clock
        self._running: Any = None  # the event or the handle that runs

    def measured(self, turn: Turn) -> None:
        """A turn was measured, which costs a part of the budget."""
        calls = _OF_TURN + len(turn._calls) + len(turn._flushes) // 4
        saved = turn.times[-1] - _SAVED
        until = self.light_until
        self.light_until = (saved if saved > until else until) + calls / _BUDGET

    def run_turn(self, timeout: float | None, began: float) -> None:
        """Run a light turn."""
        observation = self._observation
        loop = self._loop
        turn = observation.begin_light_turn(self)
        turn.number = loop.stats.turns
        turn.times = times = [began]
        turn.step, turn.events = 1, ()
        try:
            observation.plain_turn(timeout)
        except BaseException as exc:
            turn.ended_by = type(exc).__name__
            turn.is_notable = True
            raise
        finally:
            self._running = None
            now = loop.time()
            if len(times) == 2 and turn.step != WAIT:
                times.append(loop.now)
            times.append(now)
            observation.light = None
            if turn.is_notable or now - times[-2] > _SLOW or turn._calls or turn._flushes:
                turn.is_measured = False
                observation.turn_is_over(turn, now)
            else:
                observation.between = turn
                self._passed(turn)

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        """Step 2, and iterating over what it returns is step 4."""
        observation = self._observation
        turn = observation.turn
        times = turn.times
        times.append(times[0])  # step 1 takes no time that matters
        turn.step = WAIT
        events = observation.plain_poll(timeout)
        turn.step = DISPATCH
        if not events:
            return events
        turn.events = events
        observed = _LightEvents(events)
        observed.sampling = self
        return observed

    def dispatch(self, events: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """Step 4."""
        observation = self._observation
        loop = self._loop
        stats = loop.stats
        clock = loop.time
        descriptors = self.descriptors
        before = now = loop.now
        observation.turn.times.append(now)
        received_before = stats.bytes_received
        for event in list.__iter__(events):
            fd, mask = event
            traffic = descriptors.get(fd)
            if traffic is None:
                if fd not in loop._handlers:  # unregistered earlier in this batch
                    yield event
                    continue
                is_new = fd in observation.turn.opened  # between this turn and the last one
                traffic = descriptors[fd] = DescriptorTraffic(now if is_new else None)
            self._running = event
            yield event
            traffic.last_event = mask
            traffic.last_time = now
            received = stats.bytes_received
            traffic.received += received - received_before
            received_before = received
            after = clock()
            if after - before > _SLOW:
                call = "event", self._name(event), after - before, fd, mask, 0
                observation.turn._calls.append(call)
            before = after

    def run_handle(self, handle: Handle) -> None:
        """Steps 5 and 6: run a timer or a callback."""
        observation = self._observation
        callback = handle._callback
        stats = self._loop.stats
        clock = self._loop.time
        is_timer = isinstance(handle, Timer)
        observation.turn.step = TIMERS if is_timer else CALLBACKS
        self._running = handle
        owner = owner_of(callback)
        received = stats.bytes_received
        before = clock()
        observation.plain_run_handle(handle)
        took = clock() - before
        received = stats.bytes_received - received
        if callback is not None and (is_timer or took > _SLOW or received):
            fd = owner._fd if isinstance(owner, BaseTransport) else None
            kind = timer_kind(handle) if isinstance(handle, Timer) else "callback"
            rearmed = isinstance(handle, Timer) and handle._sequence != 0
            name = observation.names.callback(callback)
            observation.turn._calls.append((kind, name, took, fd, 0, received, rearmed))

    def received(self, fd: int, size: int) -> None:
        """A datagram has arrived."""
        if (traffic := self.descriptors.get(fd)) is not None:
            traffic.received += size

    def current(self) -> Turn:
        """The turn that the loop is in, as it is now. Any thread may call this."""
        turn = self._observation.turn
        shown = Turn(turn.number, 0.0)
        shown.is_measured = False
        shown.times, shown.step, shown.events = turn.times.copy(), turn.step, turn.events
        if shown.step > WAIT:
            # Which step took which part of the work is not known: count it for the present one.
            shown.times = shown.times[:3]
            if len(shown.times) == 2:
                shown.times.append(self._loop.now)
            shown.times += shown.times[-1:] * (shown.step - len(shown.times))
        running = self._running
        if isinstance(running, tuple):
            shown.running = self._name(running)
        elif running is not None and running._callback is not None:
            shown.running = self._observation.names.callback(running._callback)
        return shown

    def _name(self, event: tuple[int, int]) -> str:
        fd, mask = event
        observation = self._observation
        handler = self._loop._handlers.get(fd) or observation.lost_handlers.get(fd)
        return "" if handler is None else observation.names.handler(handler, mask)


class _LightEvents(list[tuple[int, int]]):
    """What the poller has reported."""

    __slots__ = ("sampling",)

    sampling: Sampling

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return self.sampling.dispatch(self)
