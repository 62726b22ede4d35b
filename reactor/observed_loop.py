"""How a loop is observed: a subclass of it that measures.

While it is observed, a loop and its open transports are instances of subclasses, as in debug mode:
``ObservedLoop`` here, and those in observed_transports.py. Otherwise nothing here runs, and no
other code checks for observers. What is measured is in observation.py."""

from __future__ import annotations

from functools import cache
from typing import Any

from .flushing import close_all
from .interfaces import Closable, Flushable, Handler, Stoppable
from .loop import Loop
from .naming import error_line
from .observation import Observation
from .observer import CLOSE, FLUSH, Observer, Turn
from .stats import Stats
from .timers import Handle


def add_observer(loop: Loop, observer: Observer) -> None:
    """Let ``observer`` watch ``loop`` from the next turn on. Has no effect if it does already."""
    if not isinstance(loop, ObservedLoop):
        observation = Observation(loop)
        cls: Any = type(loop)
        loop.__class__ = subclass(ObservedLoop, cls)
        assert isinstance(loop, ObservedLoop)
        loop._observation = observation
        observation.begin()
    loop._observation.add(observer)


def remove_observer(loop: Loop, observer: Observer) -> None:
    """End that. Has no effect if ``observer`` does not watch ``loop``."""
    if isinstance(loop, ObservedLoop):
        loop._observation.remove(observer)


def current_turn(loop: Loop) -> Turn | None:
    """The turn that ``loop`` is in; None between two turns, or without an observer. Any thread may
    call this, and gets a turn that continues: copy a list before you iterate over it."""
    if not isinstance(loop, ObservedLoop):
        return None
    observation = loop._observation
    light = observation.light
    turn = observation.turn
    if turn is observation.between:
        return None
    return turn if light is None else light.current()


@cache
def subclass(mixin: Any, cls: Any) -> Any:
    """A class with the methods of ``mixin`` before those of ``cls``, under the name of ``cls``.
    Instances of ``cls`` can become instances of it, and the other way round."""
    return type(cls.__name__, (mixin, cls), {"__module__": cls.__module__, "_plain": cls})


class ObservedLoop(Loop):
    """A loop that has observers."""

    _observation: Observation

    def _turn(self, timeout: float | None) -> None:
        observation = self._observation
        now = self.time()
        sampling = observation.sampling
        if sampling is not None and now < sampling.light_until:
            sampling.run_turn(timeout, now)
            return
        turn = observation.turn
        turn.number = self.stats.turns
        turn.times, turn.step = [now], 1  # callbacks may have run since the observer came
        observation.callers_timeout = timeout
        observation.between = None
        try:
            if observation.steppers:
                observation.announce(turn)
            observation.plain_turn(timeout)
        except BaseException as exc:
            turn.ended_by = type(exc).__name__
            raise
        finally:
            observation.turn_ends()

    def close(self) -> None:
        observation = self._observation
        try:
            super().close()
        finally:
            if self.is_closed():  # otherwise closing was refused
                for observer in observation.observers:
                    observation.remove(observer)

    def _choose_poll(self) -> None:
        super()._choose_poll()
        self._observation.plain_poll, self._poll = self._poll, self._observation.poll

    def _run_handle(self, handle: Handle) -> None:
        self._observation.run_handle(handle)

    def _flush_all(self, written: list[Flushable], stats: Stats, report: Any) -> None:
        observation = self._observation
        light = observation.light
        if light is None:
            observation.enter(FLUSH, observation.last)
            observation.transports.flush_all(written, stats, report, {})
        else:
            observation.turn.step = FLUSH
            observation.transports.flush_all(written, stats, report, light.descriptors)

    def _close_all(self, released: list[Closable], report: Any) -> None:
        if self._observation.light is None:
            self._observation.enter(CLOSE, self.time())
        for closable in released:
            try:
                _add(self._observation.turn, "closed", closable.fileno())
            except (OSError, ValueError):
                pass  # it is closed already
        close_all(released, report)

    def attach(self, resource: Stoppable) -> None:
        super().attach(resource)
        self._observation.transports.observe(resource)

    def register(self, fd: int, mask: int, handler: Handler) -> None:
        super().register(fd, mask, handler)
        self._observation.handler_names.pop(fd, None)
        _add(self._observation.turn, "opened", fd)

    def modify(self, fd: int, mask: int) -> None:
        super().modify(fd, mask)
        _add(self._observation.turn, "modified", (fd, mask))

    def unregister(self, fd: int) -> None:
        handler = self._handlers.get(fd)
        self._observation.handler_names.pop(fd, None)
        super().unregister(fd)
        if handler is not None:
            if self._observation.light is not None:
                self._observation.lost_handlers[fd] = handler
            _add(self._observation.turn, "unregistered", fd)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        _add(self._observation.turn, "errors", error_line(context))
        super().call_exception_handler(context)


def _add(turn: Turn, name: str, entry: object) -> None:
    """Add to a list of the turn, which most turns do not have."""
    turn.is_notable = True
    entries = getattr(turn, name)
    if entries:
        entries.append(entry)
    else:
        setattr(turn, name, [entry])
