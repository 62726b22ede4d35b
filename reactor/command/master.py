"""Several processes that serve the same sockets, and a master that starts and replaces them
(pre-fork).

The sockets are opened first. Then the workers are forked, and each makes its own loop: an existing
loop must never be forked (python/asyncio#347).

All workers accept from the same sockets. With ``SO_REUSEPORT`` each could have its own, and the
system would distribute the connections. But connections queued at a worker that dies would be lost,
those queued at a busy worker would be delayed, and Unix sockets and inherited sockets cannot be
shared that way. Each connection wakes all idle workers, and one gets it, which costs little with as
many workers as cores. ``EPOLLEXCLUSIVE`` would wake fewer, but mostly the same one, and a listener
registered with it could not be paused (epoll_ctl(2): no ``EPOLL_CTL_MOD``).

The master has no loop. It waits for signals, for its children to exit, and for their reports. A
socket pair connects it with each worker. The worker sends a line with its addresses once it serves.
The master sends one byte: stop gracefully, or exit at once. When the master exits for any reason,
the worker reads end of file and stops.

SIGHUP reloads: a new generation of workers starts. Each imports the application's current version,
since the master never imports it. When all of them serve, the old ones are stopped. If one of them
exits before it serves, the reload has failed, and the old ones continue. But if the master's
terminal was closed, SIGHUP stops the master, as it ends every program started there.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from ..signals import STOP_SIGNALS, is_default
from .backoff import MOST_FAILURES, Backoff
from .errors import CANNOT_START, INTERRUPTED, CommandError
from .worker import END, STOP, Serve, run_worker

logger = logging.getLogger(__name__)

END_TIMEOUT: Final = 2.0  # seconds to SIGKILL, after the grace or an order to exit at once
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP, signal.SIGCHLD)
_LONGEST_WAIT: Final = 3600.0  # seconds; poll() cannot wait longer than 24 days
_NEVER: Final = float("inf")


class Worker:
    """A worker process, as the master sees it."""

    def __init__(self, pid: int, channel: socket.socket, generation: int) -> None:
        self.pid = pid
        self.channel = channel
        self.generation = generation
        self.started = time.monotonic()
        self.leaving = False  # it was asked to stop
        self.kill_at = _NEVER
        self.report = b""  # the received part of a line of JSON
        self.reporting = True  # until the report is complete, or the channel has ended

    @property
    def serves(self) -> bool:
        """Whether it has reported that it serves."""
        return self.report.endswith(b"\n")

    def receive(self) -> None:
        """Read more of its report."""
        try:
            data = self.channel.recv(65536)
        except OSError:
            data = b""
        self.report += data
        self.reporting = bool(data) and not self.serves  # if it died, SIGCHLD follows

    def stop(self, grace: float, *, at_once: bool = False) -> None:
        """Tell it to stop within ``grace`` seconds. It is not replaced."""
        if self.leaving and not at_once:
            return
        self.leaving = True
        try:
            self.channel.send(END if at_once else STOP)
        except OSError:
            pass  # it has ended already
        # A worker that does not react, for example in an endless loop, is killed later. One that
        # does not serve yet, because it is still importing its application, has nothing to finish.
        if at_once or not self.serves:
            grace = 0
        self.kill_at = time.monotonic() + grace + END_TIMEOUT


class Master:
    """Keeps ``number`` workers running until a signal stops it.

    ``serve`` runs in each worker; see ``Serve``. ``announce(lines)`` is called in the master, once,
    when all workers serve. ``sockets`` are closed when the master stops, so that no connection
    waits in their backlogs. ``grace``: seconds that workers have to stop. ``prepare()`` is called
    for a reload, before the new workers start; if it raises ``CommandError``, nothing changes."""

    def __init__(
        self,
        serve: Serve,
        number: int,
        *,
        announce: Callable[[list[str]], object],
        sockets: Sequence[socket.socket] = (),
        grace: float = 5.0,
        prepare: Callable[[], object] = lambda: None,
    ) -> None:
        self._serve = serve
        self._number = number
        self._announce = announce
        self._sockets = sockets
        self._grace = grace
        self._prepare = prepare
        self._workers: list[Worker] = []
        self._generations = itertools.count(1)
        self._generation = 0  # of the workers that should run
        self._served_generation = 0  # the last one of which all workers served
        self._announced = False
        self._backoff = Backoff()
        self._signals: list[int] = []  # received, in order
        self._handled: dict[signal.Signals, Any] = {}  # what the master handles: previous handlers
        self._in_terminal = os.isatty(0)
        self._stopping = False
        self._status = 0
        self._given_up = ""  # why

    def run(self) -> int:
        """Returns the exit status: 0 after a clean stop. Raises ``CommandError`` if workers cannot
        be kept running. SIGINT and SIGTERM stop it, unless the program ignores or handles them."""
        with self._handling_signals() as wakeup:
            try:
                while not (self._stopping and not self._workers):
                    self._start_missing()
                    self._wait(wakeup)
                    while self._signals:
                        self._handle(self._signals.pop(0))
                    self._reap()
                    self._kill_late()
            finally:
                self._signal_all(signal.SIGKILL)
                for worker in self._workers:
                    os.waitpid(worker.pid, 0)
                    worker.channel.close()
        if self._given_up:
            raise CommandError(self._given_up)
        return self._status

    # -- signals -----------------------------------------------------------------------------------

    @contextmanager
    def _handling_signals(self) -> Iterator[socket.socket]:
        """Within the block, signals are appended to ``_signals`` and make the yielded socket
        readable."""
        wakeup, wake = socket.socketpair()
        wakeup.setblocking(False)
        wake.setblocking(False)
        for signum in _SIGNALS:
            if signum not in STOP_SIGNALS or is_default(signum):
                self._handled[signum] = signal.signal(signum, self._note_signal)
        previous_fd = signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        try:
            yield wakeup
        finally:
            signal.set_wakeup_fd(previous_fd)
            for signum, handler in self._handled.items():
                signal.signal(signum, handler)
            wakeup.close()
            wake.close()

    def _note_signal(self, signum: int, _frame: object) -> None:
        self._signals.append(signum)

    def _handle(self, signum: int) -> None:
        if signum in (signal.SIGINT, signal.SIGTERM):
            if self._stopping:
                logger.warning("second signal: ending at once")
                self._status = INTERRUPTED
            self._stop(at_once=self._stopping)
        elif signum == signal.SIGUSR1:
            self._signal_all(signum)
        elif signum == signal.SIGHUP and not self._stopping:
            if self._in_terminal and not os.isatty(0):  # the terminal was closed
                self._stop()
            else:
                self._reload()

    def _signal_all(self, signum: int) -> None:
        for worker in self._workers:
            os.kill(worker.pid, signum)

    # -- waiting -----------------------------------------------------------------------------------

    def _wait(self, wakeup: socket.socket) -> None:
        """Wait for a signal, a report, or the next deadline."""
        deadline = min((worker.kill_at for worker in self._workers), default=_NEVER)
        if self._lacks_workers():
            deadline = min(deadline, self._backoff.start_at)
        timeout = None
        if deadline != _NEVER:
            timeout = 1000 * min(max(deadline - time.monotonic(), 0), _LONGEST_WAIT)
        poller = select.poll()
        poller.register(wakeup, select.POLLIN)
        reporting = {w.channel.fileno(): w for w in self._workers if w.reporting}
        for fd in reporting:
            poller.register(fd, select.POLLIN)
        for fd, _ in poller.poll(timeout):
            if fd in reporting:
                reporting[fd].receive()
                if reporting[fd].serves:
                    self._worker_serves(reporting[fd])
            else:
                wakeup.recv(4096)

    def _worker_serves(self, worker: Worker) -> None:
        self._backoff.worker_serves()
        if sum(w.serves for w in self._current_workers()) == self._number:
            if not self._announced:
                self._announced = True
                self._announce(json.loads(worker.report))
            self._served_generation = self._generation
            self._retire(w for w in self._workers if w.generation != self._generation)

    def _current_workers(self) -> list[Worker]:
        """The workers of the generation that should run."""
        return [w for w in self._workers if w.generation == self._generation and not w.leaving]

    # -- starting ----------------------------------------------------------------------------------

    def _lacks_workers(self) -> bool:
        # Start the first one alone, so that an error that all would have is reported once.
        current = self._current_workers()
        wanted = self._number if any(worker.serves for worker in current) else 1
        return not self._stopping and len(current) < wanted

    def _start_missing(self) -> None:
        while self._lacks_workers() and time.monotonic() >= self._backoff.start_at:
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
            self._backoff.delay()
            return
        if not pid:
            masters = [ours, *(worker.channel for worker in self._workers)]
            run_worker(self._serve, theirs, masters, self._handled)
        theirs.close()
        self._workers.append(Worker(pid, ours, self._generation))

    # -- reloading ---------------------------------------------------------------------------------

    def _reload(self) -> None:
        try:
            self._prepare()
        except CommandError as exc:
            logger.error("reload failed, nothing has changed: %s", exc)
            return
        logger.info("reloading")
        if self._generation != self._served_generation:  # the last reload is not finished
            self._retire(self._current_workers())
        self._generation = next(self._generations)
        self._backoff.clear()

    def _reload_failed(self, how: str) -> None:
        logger.error("reload failed, the old workers continue: a new one %s before it served", how)
        failed = self._current_workers()
        self._generation = self._served_generation
        self._retire(failed)

    def _retire(self, workers: Iterable[Worker]) -> None:
        for worker in workers:
            worker.stop(self._grace)

    # -- ending ------------------------------------------------------------------------------------

    def _stop(self, *, at_once: bool = False) -> None:
        self._stopping = True
        for sock in self._sockets:
            sock.close()
        for worker in self._workers:
            worker.stop(self._grace, at_once=at_once)

    def _reap(self) -> None:
        for worker in self._workers.copy():
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if pid:
                self._workers.remove(worker)
                worker.channel.close()
                if not self._stopping and not worker.leaving:
                    self._worker_died(worker, os.waitstatus_to_exitcode(status))

    def _worker_died(self, worker: Worker, status: int) -> None:
        how = f"ended with status {status}"
        if status < 0:
            how = f"was killed by {signal.Signals(-status).name}"
        if not self._announced and not worker.serves:
            if status < 0:
                raise CommandError(f"a worker {how} before it served")
            self._status = status or CANNOT_START  # the worker itself has reported the error
            self._stop()
        elif worker.generation != self._generation:
            logger.warning("worker %d %s; a new one takes its place", worker.pid, how)
        elif self._generation != self._served_generation and not worker.serves:
            self._reload_failed(how)
        else:
            self._backoff.worker_died(started=worker.started, served=worker.serves)
            if self._backoff.is_hopeless():
                self._given_up = f"{MOST_FAILURES} workers in a row {how} before they served"
                self._stop()  # gracefully: the others may have requests to finish
            else:
                logger.warning("worker %d %s; another takes its place", worker.pid, how)

    def _kill_late(self) -> None:
        now = time.monotonic()
        for worker in self._workers:
            if now >= worker.kill_at:
                worker.kill_at = _NEVER
                os.kill(worker.pid, signal.SIGKILL)
