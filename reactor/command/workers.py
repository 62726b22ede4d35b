"""Several processes that serve the same sockets, and one that looks after them (pre-fork).

The sockets are opened first, then the workers are forked, and each makes a loop of its own: a loop
that exists already must never be forked (python/asyncio#347).

All accept from the same sockets. With ``SO_REUSEPORT`` each could have its own, and the system
would share the connections out; but those that wait at a worker which dies, or is busy for long,
would be lost or wait with it, and neither Unix sockets nor inherited ones can be had that way. All
idle workers wake for a connection, and one gets it: for as many workers as there are cores that is
cheaper than it sounds. ``EPOLLEXCLUSIVE`` would wake fewer, but mostly the same one again and
again, and a listener registered with it could not be paused (epoll_ctl(2): no ``EPOLL_CTL_MOD``).

The master has no loop. It waits for signals, for the ends of its children, and for their word.
Between it and each worker there is a socket pair. From the worker comes a line with its addresses,
once it serves. To the worker goes one byte: stop, or end at once. When the master is gone, however
it died, the pair ends, and the worker stops.

SIGHUP reloads: a new generation of workers starts. Each imports the application as it is now, since
the master never imports it. When all of them serve, the old ones are told to stop. If one of them
ends before it serves, the reload has failed, and the old ones go on. The
SIGHUP of a terminal that was closed stops instead: what was started there ends with it, as every
program does.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NoReturn

from ..pollers import READ
from ..reactor import Reactor
from ..signals import STOP_SIGNALS, is_default
from .application import CANNOT_START, INTERRUPTED, CommandError
from .logs import complain

logger = logging.getLogger(__name__)

_STOP: Final = b"s"
_END: Final = b"e"
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP, signal.SIGCHLD)

LIVED: Final = 5.0  # seconds after which a worker's death does not count against the next one
FIRST_DELAY: Final = 0.1  # seconds before the second replacement in a row; then twice as many
LONGEST_DELAY: Final = 10.0
MOST_FAILURES: Final = 6  # in a row, of workers that never served: then the master gives up
_LONGEST_WAIT: Final = 3600.0  # seconds: what poll() takes ends at 24 days
END_TIMEOUT: Final = 2.0  # seconds from the order to end at once, or the end of grace, to SIGKILL


class Worker:
    """One child, as the master sees it."""

    def __init__(self, pid: int, channel: socket.socket, generation: int = 0) -> None:
        self.pid = pid
        self.generation = generation
        self.leaving = False  # it was told to stop
        self.kill_at = float("inf")
        self.channel = channel
        self.started = time.monotonic()
        self.heard = b""  # of the line that says that it serves
        self.listened_to = True  # until it has said it, or its end of the pair is closed

    @property
    def serves(self) -> bool:
        """Whether it has said so."""
        return self.heard.endswith(b"\n")


class Master:
    """Keeps ``number`` workers running until it is told to stop.

    ``serve(ready, channel)`` runs in each worker, calls ``ready(lines)`` from within its loop, and
    returns the exit status. ``announce(lines)`` is called here once, when all serve. ``sockets``
    are closed when it stops, so that nobody waits in them for a worker that will not come.
    ``grace``: seconds that workers have to stop. ``prepare()`` is called for a reload, before the
    new workers start; if it raises ``CommandError``, nothing changes."""

    def __init__(
        self,
        serve: Callable[[Callable[[Sequence[str]], None], socket.socket], int],
        number: int,
        *,
        announce: Callable[[list[str]], object],
        sockets: Sequence[socket.socket] = (),
        grace: float = 5.0,
        prepare: Callable[[], object] = lambda: None,
    ) -> None:
        self._prepare = prepare
        self._generation = 0  # of the workers that there are to be
        self._last_generation = 0
        self._serving = 0  # the last one of which all have served
        self._serve = serve
        self._number = number
        self._announce = announce
        self._sockets = sockets
        self._grace = grace
        self._workers: list[Worker] = []
        self._signals: list[int] = []
        self._announced = False
        self._status = 0
        self._given_up = ""
        self._failures = 0  # workers in a row that died young
        self._never_served = 0  # those in a row that never served
        self._fork_at = 0.0
        self._stopping = False
        self._in_terminal = os.isatty(0)

    def run(self) -> int:
        """Returns the exit status: 0 after a clean stop. Raises ``CommandError`` if workers cannot
        be kept running. SIGINT and SIGTERM stop it, unless the program ignores or handles them."""
        waking, wake = socket.socketpair()
        waking.setblocking(False)
        wake.setblocking(False)
        previous = {
            number: signal.signal(number, self._note)
            for number in _SIGNALS
            if number not in STOP_SIGNALS or is_default(number)
        }
        previous_fd = signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        try:
            while not (self._stopping and not self._workers):
                self._start_missing()
                self._wait(waking)
                while self._signals:
                    self._act(self._signals.pop(0))
                self._bury()
                self._kill_late()
        finally:
            self._signal_all(signal.SIGKILL)
            for worker in self._workers:
                os.waitpid(worker.pid, 0)
                worker.channel.close()
            signal.set_wakeup_fd(previous_fd)
            for number, handler in previous.items():
                signal.signal(number, handler)
            waking.close()
            wake.close()
        if self._given_up:
            raise CommandError(self._given_up)
        return self._status

    def _note(self, signum: int, _frame: object) -> None:
        self._signals.append(signum)

    def _act(self, signum: int) -> None:
        if signum in (signal.SIGINT, signal.SIGTERM):
            if self._stopping:
                logger.warning("second signal: ending at once")
                self._status = INTERRUPTED
            self._stop(at_once=self._stopping)
        elif signum == signal.SIGUSR1:
            self._signal_all(signum)
        elif signum == signal.SIGHUP and not self._stopping:
            if self._in_terminal and not os.isatty(0):  # it was closed
                self._stop(at_once=False)
            else:
                self._reload()

    # -- waiting -----------------------------------------------------------------------------------

    def _wait(self, waking: socket.socket) -> None:
        """Until a signal comes, a worker says something, or it is time for something."""
        now = time.monotonic()
        until = min((worker.kill_at for worker in self._workers), default=float("inf"))
        if self._lacks_workers():
            until = min(until, self._fork_at)
        poller = select.poll()
        poller.register(waking, select.POLLIN)
        speaking = {w.channel.fileno(): w for w in self._workers if w.listened_to}
        for fd in speaking:
            poller.register(fd, select.POLLIN)
        timeout = None if until == float("inf") else 1000 * min(max(until - now, 0), _LONGEST_WAIT)
        for fd, _ in poller.poll(timeout):
            if fd in speaking:
                self._hear(speaking[fd])
            else:
                waking.recv(4096)

    def _hear(self, worker: Worker) -> None:
        try:
            data = worker.channel.recv(65536)
        except OSError:
            data = b""
        worker.heard += data
        worker.listened_to = bool(data) and not worker.serves  # at its end, SIGCHLD will tell
        if worker.serves:
            self._never_served = 0
            if sum(w.serves for w in self._current()) == self._number:
                if not self._announced:
                    self._announced = True
                    self._announce(json.loads(worker.heard))
                self._serving = self._generation
                self._retire(w for w in self._workers if w.generation != self._serving)

    def _current(self) -> list[Worker]:
        """The workers of the generation that there is to be."""
        return [w for w in self._workers if w.generation == self._generation and not w.leaving]

    # -- reloading ---------------------------------------------------------------------------------

    def _reload(self) -> None:
        try:
            self._prepare()
        except CommandError as exc:
            logger.error("reload failed, nothing has changed: %s", exc)
            return
        logger.info("reloading")
        if self._generation != self._serving:  # another reload, before the last one came to its end
            self._retire(self._current())
        self._last_generation += 1
        self._generation = self._last_generation
        self._fork_at = 0.0

    def _reload_failed(self, how: str) -> None:
        logger.error("reload failed, the old workers go on: a new one %s before it served", how)
        failed = self._current()
        self._generation = self._serving
        self._retire(failed)

    def _retire(self, workers: Iterable[Worker]) -> None:
        """Tell them to stop; they are not replaced."""
        for worker in workers:
            self._tell_to_stop(worker, at_once=False)

    # -- starting ----------------------------------------------------------------------------------

    def _lacks_workers(self) -> bool:
        # The first one goes alone: what is wrong with all of them is said once.
        current = self._current()
        wanted = self._number if any(worker.serves for worker in current) else 1
        return not self._stopping and len(current) < wanted

    def _start_missing(self) -> None:
        while self._lacks_workers() and time.monotonic() >= self._fork_at:
            self._fork()

    def _fork(self) -> None:
        ours, theirs = socket.socketpair()
        try:
            pid = os.fork()
        except OSError as exc:
            ours.close()
            theirs.close()
            if not self._workers:
                raise CommandError(f"cannot start a worker: {exc.strerror}") from exc
            logger.warning("cannot start a worker: %s", exc.strerror)
            self._delay()
            return
        if not pid:
            ours.close()
            self._become_worker(theirs)
        theirs.close()
        self._workers.append(Worker(pid, ours, self._generation))

    def _become_worker(self, channel: socket.socket) -> NoReturn:
        status = CANNOT_START
        try:
            signal.set_wakeup_fd(-1)
            # Until the loop takes them over they do nothing. Not SIG_IGN: programs that are started
            # from here would inherit it.
            for number in _SIGNALS:
                if signal.getsignal(number) == self._note:
                    signal.signal(number, _do_nothing)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for other in self._workers:  # their channels would not end with the master
                other.channel.close()
            status = self._serve(
                lambda lines: channel.sendall(json.dumps(list(lines)).encode() + b"\n"), channel
            )
        except CommandError as exc:
            complain(exc)
            status = exc.status
        except SystemExit as exc:
            status = exc.code if isinstance(exc.code, int) else CANNOT_START
        except KeyboardInterrupt as exc:
            complain(f"worker {os.getpid()} {exc}")
            status = INTERRUPTED
        except BaseException:
            traceback.print_exc()
        finally:
            # What the master has begun is the master's to end: no return from here.
            atexit._run_exitfuncs()
            for stream in (sys.stdout, sys.stderr):
                try:
                    stream.flush()
                except OSError:
                    pass
            os._exit(status)

    # -- ending ------------------------------------------------------------------------------------

    def _bury(self) -> None:
        for worker in self._workers.copy():
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if pid:
                self._workers.remove(worker)
                worker.channel.close()
                if not self._stopping and not worker.leaving:
                    self._lost(worker, os.waitstatus_to_exitcode(status))

    def _lost(self, worker: Worker, status: int) -> None:
        how = f"ended with status {status}"
        if status < 0:
            how = f"was killed by {signal.Signals(-status).name}"
        if not self._announced and not worker.serves:
            if status < 0:
                raise CommandError(f"a worker {how} before it served")
            self._status = status or CANNOT_START  # it has said itself what is wrong
            self._stop(at_once=False)
            return
        if worker.generation != self._generation:
            logger.warning("worker %d %s; a new one takes its place", worker.pid, how)
            return
        if self._generation != self._serving and not worker.serves:
            self._reload_failed(how)
            return
        self._never_served = 0 if worker.serves else self._never_served + 1
        if self._never_served == MOST_FAILURES:
            self._given_up = f"{MOST_FAILURES} workers in a row {how} before they served"
            self._stop(at_once=False)  # the others may have requests to finish
            return
        if time.monotonic() - worker.started >= LIVED:
            self._failures = 0
        logger.warning("worker %d %s; another takes its place", worker.pid, how)
        self._delay()

    def _delay(self) -> None:
        delay = min(FIRST_DELAY * 2 ** (self._failures - 1), LONGEST_DELAY) if self._failures else 0
        self._fork_at = time.monotonic() + delay
        self._failures = min(self._failures + 1, 30)

    def _stop(self, *, at_once: bool) -> None:
        self._stopping = True
        for sock in self._sockets:
            sock.close()
        for worker in self._workers:
            self._tell_to_stop(worker, at_once=at_once)

    def _tell_to_stop(self, worker: Worker, *, at_once: bool) -> None:
        if worker.leaving and not at_once:
            return
        worker.leaving = True
        try:
            worker.channel.send(_END if at_once else _STOP)
        except OSError:
            pass  # it has gone already
        # One that does not hear us, in an endless loop perhaps, is killed in the end. One that does
        # not serve yet, as its application is being imported, has nothing to finish.
        grace = self._grace if worker.serves and not at_once else 0
        worker.kill_at = time.monotonic() + END_TIMEOUT + grace

    def _kill_late(self) -> None:
        now = time.monotonic()
        for worker in self._workers:
            if now >= worker.kill_at:
                worker.kill_at = float("inf")
                os.kill(worker.pid, signal.SIGKILL)

    def _signal_all(self, signum: int) -> None:
        for worker in self._workers:
            os.kill(worker.pid, signum)


def obey(reactor: Reactor, channel: socket.socket) -> None:
    """In a worker: let ``reactor`` do what the master says.

    A SIGTERM for this worker alone stops it, and it is replaced. SIGINT still does nothing, as it
    is for the master: from a terminal it comes to all of them."""

    def on_readable(mask: int) -> None:
        try:
            order = channel.recv(1)
        except OSError:
            order = b""
        if order == _END:
            reactor.stop()
            return
        if not order:
            reactor.unregister(channel.fileno())
        reactor.stop(reactor.grace)

    channel.setblocking(False)
    reactor.register(channel.fileno(), READ, on_readable)
    if signal.getsignal(signal.SIGTERM) is _do_nothing:  # else the program ignores or handles it
        reactor.add_stop_signal(signal.SIGTERM)


def _do_nothing(*_: object) -> None:
    pass
