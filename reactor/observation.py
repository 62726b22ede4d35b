"""How a loop is observed: subclasses of the loop and of its transports that measure.

While it is observed, a loop and its open transports are instances of subclasses that are made
here, as in debug mode. Otherwise nothing here runs, and no other code checks for observers.

The subclasses do not repeat ``Loop._turn``. They measure where it calls something: the poller, an
iteration over the events, a handle, a flush, a close. A step with nothing to do makes no call, so
it is passed over, and begins together with the next one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any, Final

from .errors import FATAL
from .flushing import close_all, flush_all
from .interfaces import Closable, Flushable, Handler, Stoppable
from .loop import Loop
from .naming import callback_name, error_line, owner_of, receiver_name, timer_kind
from .observer import CALLBACKS, CLOCK, CLOSE, DISPATCH, FLUSH, TIMERS, WAIT, Observer, Turn
from .pollers import WRITE, poll_all
from .stats import Stats
from .timers import Handle, Timer
from .transports.base import BaseTransport
from .transports.datagram import DatagramTransport

logger = logging.getLogger(__name__)

_MAX_NAMES: Final = 1000  # names of handlers to remember


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


@cache
def subclass(mixin: Any, cls: Any) -> Any:
    """A class with the methods of ``mixin`` before those of ``cls``, under the name of ``cls``.
    Instances of ``cls`` can become instances of it, and the other way round."""
    return type(cls.__name__, (mixin, cls), {"__module__": cls.__module__, "_plain": cls})


class Observation:
    """The observers of one loop, and the turn that they watch."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self._between = Turn(0, 0.0)  # collects what happens between two turns
        self.turn = self._between
        self._callers_timeout: float | None = None
        self.observers: tuple[Observer, ...] = ()
        self._steppers: tuple[Observer, ...] = ()  # those that override step_begins()
        self.datagram_bytes = 0  # received
        self.poll_all_next = False  # see Stepper
        self.payload = 0
        self._timer_number = 0
        self._timer_name = ""
        self._callback_names: dict[tuple[object, type], str] = {}
        self._names: dict[type, str] = {}  # of handlers, by the protocol's class
        self.last = 0.0  # when what was measured last has ended
        # What step 6 is about to run, while its beginning is announced; the queue has the others.
        self.first_callback: Handle | None = None

        class Events(list[tuple[int, int]]):
            """What the poller has reported. To iterate over it is step 4."""

            __slots__ = ()

            def __iter__(events) -> Iterator[tuple[int, int]]:
                return self.dispatch(list.__iter__(events))

        self._events = Events
        # Bound once: super() in each call would take longer.
        self.plain_turn = loop._turn
        self.plain_run_handle = loop._run_handle
        self._transports: dict[type, type] = {}  # observing subclasses
        self._sockets: dict[type, type] = {}

    # -- observers ---------------------------------------------------------------------------------

    def begin(self) -> None:
        """The loop is an ``ObservedLoop`` now."""
        self.loop._choose_poll()
        for resource in self.loop._open:
            self.observe_transport(resource)

    def end(self) -> None:
        """Make everything what it was before."""
        loop = self.loop
        for resource in loop._open:
            if isinstance(resource, BaseTransport):
                _restore(resource._sock)
                _restore(resource)
        _restore(loop)
        loop._choose_poll()

    def add(self, observer: Observer) -> None:
        if observer not in self.observers:
            self._set((*self.observers, observer))
            self._tell(observer, observer.attached, self.loop)

    def remove(self, observer: Observer) -> None:
        if observer in self.observers:
            self._set(tuple(other for other in self.observers if other is not observer))
            self._tell(observer, observer.detached, self.loop)

    def _set(self, observers: tuple[Observer, ...]) -> None:
        self.observers = observers
        self._steppers = tuple(
            observer
            for observer in observers
            if type(observer).step_begins is not Observer.step_begins
        )
        self.payload = max((observer.payload for observer in observers), default=0)
        if self.payload:
            for resource in self.loop._open:
                self.observe_transport(resource)
        if not observers:
            self.end()

    def _tell(self, observer: Observer, method: Callable[[Any], object], argument: object) -> None:
        """Call a method of an observer. If it raises, its observation ends."""
        try:
            method(argument)
        except FATAL:
            raise
        except BaseException as exc:
            self._failed(observer, exc)

    def _failed(self, observer: Observer, exc: BaseException) -> None:
        if observer in self.observers:  # otherwise detached() has failed
            logger.error("an observer failed and is removed: %r", observer, exc_info=exc)
            self.remove(observer)
        else:
            logger.error("an observer failed: %r", observer, exc_info=exc)

    # -- the steps ---------------------------------------------------------------------------------

    def turn_begins(self, timeout: float | None) -> None:
        """``timeout``: the caller's."""
        loop = self.loop
        self._callers_timeout = timeout
        turn = Turn(loop.stats.turns, loop.time())
        between = self._between
        if between.opened or between._flushes or between._calls or between.errors:
            turn.opened, turn.errors = between.opened, between.errors
            turn._flushes, turn.sent_data = between._flushes, between.sent_data
            self._between = Turn(0, 0.0)
        self.turn = turn
        for observer in self._steppers:
            self._tell(observer, observer.step_begins, turn)

    def enter(self, step: int, now: float) -> None:
        """``step`` begins at ``now``, and so do those before it that had nothing to do."""
        turn = self.turn
        if not self._steppers:
            turn.times += (now,) * (step - turn.step)
            turn.step = step
            return
        while turn.step < step:
            turn.times.append(now)
            turn.step += 1
            for observer in self._steppers:
                self._tell(observer, observer.step_begins, turn)

    def turn_ends(self) -> None:
        turn = self.turn
        now = self.loop.time()
        if not turn.ended_by:
            self.enter(CLOSE, now)
        turn.times.append(now)
        self.turn = self._between
        for observer in self.observers:
            try:  # _tell() would be one more call in each turn
                observer.turn_ended(turn)
            except FATAL:
                raise
            except BaseException as exc:
                self._failed(observer, exc)

    def poll(
        self, poll: Callable[[float | None], list[tuple[int, int]]], timeout: float | None
    ) -> list[tuple[int, int]]:
        """Step 2. ``poll``: what the loop would call."""
        turn = self.turn
        turn.timeout = timeout
        loop = self.loop
        if timeout is None:
            turn.reason = "events"
        else:
            self._find_reason(turn, timeout)
        self.enter(WAIT, loop.time())
        events = self._poll_all() if self.poll_all_next else None
        turn.events = events = events or poll(timeout)
        if self._steppers:
            self.enter(CLOCK, loop.time())
        return self._events(events)

    def _poll_all(self) -> list[tuple[int, int]]:
        self.poll_all_next = False
        return poll_all(self.loop._poller)

    def _find_reason(self, turn: Turn, timeout: float) -> None:
        """Why step 1 has chosen ``timeout``."""
        loop = self.loop
        if loop._catching_up:
            turn.reason = "catching up"
        elif timeout:
            if timeout == self._callers_timeout:
                turn.reason = "caller"
            else:
                self._find_timer(turn)
        elif loop._ready or loop._due:
            turn.reason = "callbacks"
        elif loop.written:
            turn.reason = "writes"
        elif loop._released:
            turn.reason = "closing"
        elif timeout == self._callers_timeout:
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

    def dispatch(self, events: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """Step 4: the loop calls a handler between two elements of this iterator."""
        loop = self.loop
        before = loop.now  # read in step 3, which takes no time that could be measured
        self.enter(DISPATCH, before)
        turn = self.turn
        handlers = loop._handlers
        stats = loop.stats
        clock = loop.time
        names = self._names
        append = turn._calls.append
        received_before = stats.bytes_received + self.datagram_bytes
        for event in events:
            fd, mask = event
            handler = handlers.get(fd)
            if handler is None:  # unregistered earlier in this batch
                yield event
                continue
            try:
                name = names[type(handler.__self__._protocol)]  # type: ignore[attr-defined]
            except (AttributeError, KeyError):
                name = self._handler_name(handler, mask)
            if mask == WRITE:
                name = self._handler_name(handler, mask)
            turn.running = name
            yield event
            now = clock()
            received = stats.bytes_received + self.datagram_bytes
            append(("event", name, now - before, fd, mask, received - received_before))
            before = now
            received_before = received
        self.last = before
        self.enter(TIMERS, before)

    def _handler_name(self, handler: Handler, mask: int) -> str:
        transport = owner_of(handler)
        protocol = transport.get_protocol() if isinstance(transport, BaseTransport) else None
        if protocol is None:
            return callback_name(handler)
        if mask == WRITE:
            return f"{type(transport).__qualname__}.flush"
        if len(self._names) >= _MAX_NAMES:
            self._names.clear()
        name = self._names[type(protocol)] = receiver_name(type(protocol))
        return name

    def _callback_name(self, callback: Callable[..., object]) -> str:
        function = getattr(callback, "__func__", None)
        if function is None:
            return callback_name(callback)
        owner = callback.__self__  # type: ignore[attr-defined]
        # The name of a transport's method depends on its protocol.
        key = function, type(owner._protocol if isinstance(owner, BaseTransport) else owner)
        name = self._callback_names.get(key)
        if name is None:
            if len(self._callback_names) >= _MAX_NAMES:
                self._callback_names.clear()
            name = self._callback_names[key] = callback_name(callback)
        return name

    def run_handle(self, handle: Handle) -> None:
        """Steps 5 and 6: run a timer or a callback."""
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
        turn.running = name = self._callback_name(callback)
        owner = owner_of(callback)
        fd = owner._fd if isinstance(owner, BaseTransport) else None
        stats = self.loop.stats
        received = stats.bytes_received + self.datagram_bytes
        self.plain_run_handle(handle)
        self.last = now = self.loop.time()
        received = stats.bytes_received + self.datagram_bytes - received
        rearmed = isinstance(handle, Timer) and handle._sequence != 0
        turn._calls.append((kind, name, now - before, fd, 0, received, rearmed))

    # -- transports --------------------------------------------------------------------------------

    def observe_transport(self, resource: Stoppable) -> None:
        """Let a transport report what it sends."""
        if isinstance(resource, BaseTransport):
            if not hasattr(type(resource), "_plain"):
                _become(resource, self._transports, self._transport_class)
            if self.payload and not hasattr(type(resource._sock), "_plain"):
                _become(resource._sock, self._sockets, self._socket_class)

    def _transport_class(self, cls: Any) -> dict[str, Any]:
        if issubclass(cls, DatagramTransport):
            return self._datagram_class(cls)
        send = cls.flush

        def flush(transport: Any) -> int:
            sent: int = send(transport)
            if transport._waiting is None:
                self.turn._flushes.append((transport._fd, sent, 0))
            else:
                self.turn._flushes.append((transport._fd, sent, transport.get_unsent_size()))
            return sent

        return {"flush": flush}

    def _datagram_class(self, cls: Any) -> dict[str, Any]:
        plain_send, plain_received = cls._send, cls._received

        def _send(transport: Any, data: bytes, addr: Any) -> bool:
            stats = transport._reactor.stats
            before = stats.datagrams_sent
            done: bool = plain_send(transport, data, addr)
            sent = len(data) if stats.datagrams_sent != before else 0
            self.turn._flushes.append((transport._fd, sent, transport.get_write_buffer_size()))
            return done

        def _received(transport: Any, data: bytes, addr: Any) -> None:
            self.datagram_bytes += len(data)
            plain_received(transport, data, addr)

        return {"_send": _send, "_received": _received}

    # -- payload -----------------------------------------------------------------------------------

    def _socket_class(self, cls: Any) -> dict[str, Any]:
        def keep(which: str, sock: Any, data: Any) -> None:
            kept = getattr(self.turn, which)
            so_far = kept.get(fd := sock.fileno(), b"")
            if len(so_far) < self.payload:
                more = bytes(memoryview(data)[: self.payload - len(so_far)])
                setattr(self.turn, which, {**kept, fd: so_far + more})

        def recv(sock: Any, size: int) -> bytes:
            data: bytes = cls.recv(sock, size)
            keep("received_data", sock, data)
            return data

        def recvfrom(sock: Any, size: int) -> tuple[bytes, Any]:
            data, addr = cls.recvfrom(sock, size)
            keep("received_data", sock, data)
            return data, addr

        def send(sock: Any, data: Any, *flags: int) -> int:
            sent: int = cls.send(sock, data, *flags)
            keep("sent_data", sock, memoryview(data)[:sent])
            return sent

        def sendto(sock: Any, data: Any, addr: Any) -> int:
            sent: int = cls.sendto(sock, data, addr)
            keep("sent_data", sock, data)
            return sent

        def sendmsg(sock: Any, pieces: Any, *rest: Any) -> int:
            sent: int = cls.sendmsg(sock, pieces, *rest)
            for piece in pieces:
                keep("sent_data", sock, memoryview(piece)[:sent])
            return sent

        methods = (recv, recvfrom, send, sendto, sendmsg)
        return {method.__name__: method for method in methods if hasattr(cls, method.__name__)}


class ObservedLoop(Loop):
    """A loop that has observers."""

    _observation: Observation

    def _turn(self, timeout: float | None) -> None:
        observation = self._observation
        try:
            observation.turn_begins(timeout)
            observation.plain_turn(timeout)
        except BaseException as exc:
            observation.turn.ended_by = type(exc).__name__
            raise
        finally:
            observation.turn_ends()

    def _choose_poll(self) -> None:
        super()._choose_poll()
        self._poll = partial(self._observation.poll, self._poll)

    def _run_handle(self, handle: Handle) -> None:
        self._observation.run_handle(handle)

    def _flush_all(self, written: list[Flushable], stats: Stats, report: Any) -> None:
        self._observation.enter(FLUSH, self._observation.last)
        flush_all(written, stats, report)

    def _close_all(self, released: list[Closable], report: Any) -> None:
        self._observation.enter(CLOSE, self.time())
        closed = self._observation.turn.closed = [*self._observation.turn.closed]
        for closable in released:
            try:
                closed.append(closable.fileno())
            except (OSError, ValueError):
                pass  # it is closed already
        close_all(released, report)

    def attach(self, resource: Stoppable) -> None:
        super().attach(resource)
        self._observation.observe_transport(resource)

    def register(self, fd: int, mask: int, handler: Handler) -> None:
        super().register(fd, mask, handler)
        turn = self._observation.turn
        turn.opened = [*turn.opened, fd]

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        turn = self._observation.turn
        turn.errors = [*turn.errors, error_line(context)]
        super().call_exception_handler(context)


def _become(
    instance: Any, classes: dict[type, type], methods: Callable[[type], dict[str, Any]]
) -> None:
    """Make ``instance`` an instance of a subclass of its class, with ``methods``."""
    cls = type(instance)
    if cls not in classes:
        # No additional slots: otherwise __class__ could not be assigned.
        members = {"__slots__": (), "__module__": cls.__module__, "_plain": cls}
        classes[cls] = type(cls.__name__, (cls,), {**members, **methods(cls)})
    instance.__class__ = classes[cls]


def _restore(instance: Any) -> None:
    """The opposite of that."""
    instance.__class__ = getattr(type(instance), "_plain", type(instance))
