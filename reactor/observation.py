"""What is measured while a loop is observed: its observers, and the turn that they watch.

``Loop._turn`` is not repeated here. ``ObservedLoop`` in observed_loop.py calls this where a turn
calls something: the poller, an iteration over the events, a handle, a flush, a close. A step with
nothing to do makes no call, so it is passed over, and begins together with the next one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .errors import FATAL, careful_logger, exc_info, shown
from .interfaces import Handler
from .loop import Loop
from .naming import Names, callback_name, owner_of, timer_kind
from .observed_transports import ObservedTransports, restore
from .observer import CALLBACKS, CLOCK, CLOSE, DISPATCH, TIMERS, WAIT, Observer, Turn
from .pollers import WRITE, poll_all
from .sampling import Sampling
from .timers import Handle, Timer
from .traffic import SampledTraffic
from .transports.base import BaseTransport

logger = careful_logger(__name__)


class Observation:
    """The observers of one loop, and the turn that they watch."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        # Between two turns this is the next one: what happens there belongs to it.
        self.turn = Turn(0, 0.0)
        self.between: Turn | None = self.turn  # the same; None while a turn is running
        self.callers_timeout: float | None = None
        self.observers: tuple[Observer, ...] = ()
        self.steppers: tuple[Observer, ...] = ()  # those that override step_begins()
        self.sampling: Sampling | None = None  # if the observers need only samples
        self.light: Sampling | None = None  # the same in a turn that is not measured
        self.lost_handlers: dict[int, Handler] = {}  # that were unregistered in such a turn
        self.datagram_bytes = 0  # received
        self.poll_all_next = False  # see Stepper
        self.payload = 0
        self.last = 0.0  # when what was measured last has ended
        # What step 6 is about to run, while its beginning is announced; the queue has the others.
        self.first_callback: Handle | None = None
        # Bound once: super() in each call would take longer.
        self.plain_turn: Callable[[float | None], None] = loop._turn
        self.plain_run_handle: Callable[[Handle], None] = loop._run_handle
        self.plain_poll: Callable[[float | None], list[tuple[int, int]]] = loop._poll
        self.transports = ObservedTransports(self)
        self.names = Names()
        # By descriptor, because with many connections each look at a handler, its transport and its
        # protocol is one at memory that the processor's cache does not have.
        self.handler_names: dict[int, str] = {}
        self._timer_number = 0
        self._timer_name = ""

    # -- observers ---------------------------------------------------------------------------------

    def begin(self) -> None:
        """The loop is an ``ObservedLoop`` now."""
        self.loop._choose_poll()
        for resource in self.loop._open:
            self.transports.observe(resource)

    def end(self) -> None:
        """Make everything what it was before."""
        loop = self.loop
        for resource in loop._open:
            self.transports.restore(resource)
        restore(loop)
        loop._choose_poll()

    def add(self, observer: Observer) -> None:
        if not self._has(observer):
            self._set((*self.observers, observer))
            self._tell(observer, observer.attached, self.loop)

    def remove(self, observer: Observer) -> None:
        if self._has(observer):
            self._set(tuple(other for other in self.observers if other is not observer))
            self._tell(observer, observer.detached, self.loop)

    def _has(self, observer: Observer) -> bool:
        # Not "in": a program's __eq__ may raise, or say that two observers are equal.
        return any(observer is other for other in self.observers)

    def _set(self, observers: tuple[Observer, ...]) -> None:
        self.observers = observers
        self.steppers = tuple(
            observer
            for observer in observers
            if type(observer).step_begins is not Observer.step_begins
        )
        only = observers[0] if len(observers) == 1 else None
        self.sampling = Sampling(self, only) if isinstance(only, SampledTraffic) else None
        payload, self.payload = self.payload, max((o.payload for o in observers), default=0)
        if not observers:
            self.end()
        elif bool(payload) != bool(self.payload):  # each takes milliseconds for 10,000 connections
            observe = self.transports.restore_socket if payload else self.transports.observe
            for resource in self.loop._open:
                observe(resource)

    def _tell(self, observer: Observer, method: Callable[[Any], object], argument: object) -> None:
        """Call a method of an observer. If it raises, its observation ends."""
        try:
            method(argument)
        except FATAL:
            raise
        except BaseException as exc:
            self._failed(observer, exc)

    def _failed(self, observer: Observer, exc: BaseException) -> None:
        name, info = shown(observer, repr), exc_info(exc)
        if self._has(observer):  # otherwise detached() has failed
            logger.error("an observer failed and is removed: %s", name, exc_info=info)
            self.remove(observer)
        else:
            logger.error("an observer failed: %s", name, exc_info=info)

    # -- the steps ---------------------------------------------------------------------------------

    def enter(self, step: int, now: float) -> None:
        """``step`` begins at ``now``, and so do those before it that had nothing to do."""
        turn = self.turn
        if self.steppers:
            while turn.step < step:
                turn.times.append(now)
                turn.step += 1
                self.announce(turn)
        else:
            turn.times += (now,) * (step - turn.step)
            turn.step = step

    def announce(self, turn: Turn) -> None:
        """Tell those who want to know that a step begins."""
        for observer in self.steppers:
            self._tell(observer, observer.step_begins, turn)

    def turn_ends(self) -> None:
        turn = self.turn
        now = self.loop.time()
        if self.steppers and not turn.ended_by:
            self.enter(CLOSE, now)
        # The steps that are left, and the end; an exception has ended the turn in its step.
        turn.times += (now,) * (1 if turn.ended_by else CLOSE + 1 - turn.step)
        if not turn.ended_by:
            turn.step = CLOSE
        if self.sampling is not None:
            self.sampling.measured(turn)
        self.turn_is_over(turn, now)

    def turn_is_over(self, turn: Turn, now: float) -> None:
        """Pass ``turn`` to the observers, and begin another one."""
        self.between = self.turn = Turn(turn.number + 1, now)
        for observer in self.observers:
            try:  # _tell() would be one more call in each turn
                observer.turn_ended(turn)
            except FATAL:
                raise
            except BaseException as exc:
                self._failed(observer, exc)

    def begin_light_turn(self, sampling: Sampling) -> Turn:
        """A turn begins that is not measured."""
        self.light = sampling
        self.between = None
        if self.lost_handlers:
            self.lost_handlers.clear()
        return self.turn

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        """Step 2, and iterating over what it returns is step 4."""
        if self.light is not None:
            return self.light.poll(timeout)
        turn = self.turn
        if timeout is None:
            turn.reason = "events"
        else:
            turn.timeout = timeout
            self._find_reason(turn, timeout)
        if self.steppers:
            self.enter(WAIT, self.loop.time())
        else:  # the same without a call
            turn.times.append(self.loop.time())
            turn.step = WAIT
        events = self._poll_all() if self.poll_all_next else None
        turn.events = events = events or self.plain_poll(timeout)
        if self.steppers:
            self.enter(CLOCK, self.loop.time())
        observed = ObservedEvents(events)
        observed.observation = self
        return observed

    def _poll_all(self) -> list[tuple[int, int]]:
        self.poll_all_next = False
        return poll_all(self.loop._poller)

    def _find_reason(self, turn: Turn, timeout: float) -> None:
        """Why step 1 has chosen ``timeout``."""
        loop = self.loop
        if loop._catching_up:
            turn.reason = "catching up"
        elif timeout:
            if timeout == self.callers_timeout:
                turn.reason = "caller"
            else:
                self._find_timer(turn)
        elif loop._ready or loop._due:
            turn.reason = "callbacks"
        elif loop.written:
            turn.reason = "writes"
        elif loop._released:
            turn.reason = "closing"
        elif timeout == self.callers_timeout:
            turn.reason = "caller"
        else:
            self._find_timer(turn)

    def _find_timer(self, turn: Turn) -> None:
        turn.reason = "timer"
        _, number, timer = self.loop.timers._heap[0]  # not stale: step 1 has looked at it
        if number != self._timer_number:  # mostly it is the one that the last turn waited for
            self._timer_number = number
            self._timer_name = callback_name(timer._callback)
        turn.timer = self._timer_name

    def name_handler(self, fd: int, handler: Handler, mask: int) -> str:
        """The name of the handler of ``fd``, which is kept while it is the same."""
        name = self.names.handler(handler, mask)
        transport = owner_of(handler)
        has_no_protocol = isinstance(transport, BaseTransport) and transport._protocol is None
        if mask != WRITE and not has_no_protocol:
            self.handler_names[fd] = name
        return name

    def run_handle(self, handle: Handle) -> None:
        """Steps 5 and 6: run a timer or a callback."""
        if self.light is not None:
            self.light.run_handle(handle)
            return
        callback = handle._callback
        if callback is None:  # cancelled
            self.plain_run_handle(handle)
            return
        turn = self.turn
        before = self.last
        if isinstance(handle, Timer):
            kind = timer_kind(handle)
        else:
            kind = "callback"
            if turn.step != CALLBACKS:
                self.first_callback = handle
                self.enter(CALLBACKS, before)
                self.first_callback = None
        turn.running = name = self.names.callback(callback)
        owner = owner_of(callback)
        fd = owner._fd if isinstance(owner, BaseTransport) else None
        stats = self.loop.stats
        received = stats.bytes_received + self.datagram_bytes
        self.plain_run_handle(handle)
        self.last = now = self.loop.time()
        received = stats.bytes_received + self.datagram_bytes - received
        rearmed = isinstance(handle, Timer) and handle._sequence != 0
        turn._calls.append((kind, name, now - before, fd, 0, received, rearmed))


class ObservedEvents(list[tuple[int, int]]):
    """What the poller has reported. To iterate over it is step 4: the loop calls a handler between
    two elements."""

    __slots__ = ("observation",)

    observation: Observation

    def __iter__(self) -> Iterator[tuple[int, int]]:
        observation = self.observation
        loop = observation.loop
        turn = observation.turn
        before = loop.now  # read in step 3, which takes no time that could be measured
        if observation.steppers:
            observation.enter(DISPATCH, before)
        else:  # the same without a call
            turn.times += (before, before)
            turn.step = DISPATCH
        handlers = loop._handlers
        stats = loop.stats
        clock = loop.time
        names = observation.handler_names
        append = turn._calls.append
        received_before = stats.bytes_received + observation.datagram_bytes
        for event in list.__iter__(self):
            fd, mask = event
            if mask == WRITE or (name := names.get(fd)) is None:
                handler = handlers.get(fd)
                if handler is None:  # unregistered earlier in this batch
                    yield event
                    continue
                name = observation.name_handler(fd, handler, mask)
            turn.running = name
            yield event
            now = clock()
            received = stats.bytes_received + observation.datagram_bytes
            append(("event", name, now - before, fd, mask, received - received_before))
            before = now
            received_before = received
        observation.last = before
        if observation.steppers:
            observation.enter(TIMERS, before)
        else:
            turn.times.append(before)
            turn.step = TIMERS
