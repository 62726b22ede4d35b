"""A worker process: how it starts, follows its master, and ends."""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NoReturn

from ..pollers import READ
from ..reactor import Reactor
from .errors import CANNOT_START, INTERRUPTED, CommandError
from .logs import complain

# What the master sends.
STOP: Final = b"s"  # stop, giving connections the grace to finish
END: Final = b"e"  # end at once

# ``serve(ready, channel)`` serves until it is stopped, and returns the exit status. It calls
# ``ready(lines)`` once, from its loop, and gives ``channel`` to ``follow_master``.
Serve = Callable[[Callable[[Sequence[str]], None], socket.socket], int]


def run_worker(
    serve: Serve,
    channel: socket.socket,
    masters: Iterable[socket.socket],
    handled: Iterable[signal.Signals],
) -> NoReturn:
    """Call ``serve`` in a process that was just forked, and end the process.

    ``channel``: to the master. ``masters``: its ends of the channels to all workers. ``handled``:
    the signals that it handles."""
    status = CANNOT_START
    try:
        signal.set_wakeup_fd(-1)
        # Until the loop sets its own handlers, signals do nothing. Not SIG_IGN: child processes
        # would inherit it.
        for signum in handled:
            signal.signal(signum, _do_nothing)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for sock in masters:  # a channel only ends with the master if no copy of its end is open
            sock.close()
        status = serve(
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
        # Do not return: only the master may leave the blocks that it has entered.
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                pass
        os._exit(status)


def follow_master(reactor: Reactor, channel: socket.socket) -> None:
    """In a worker: stop ``reactor`` when the master requests it, or has exited.

    A SIGTERM to this worker alone stops it, and the master replaces it. SIGINT still does nothing:
    a terminal sends it to all processes, and the master reacts to it."""

    def on_readable(mask: int) -> None:
        try:
            order = channel.recv(1)
        except OSError:
            order = b""
        if order == END:
            reactor.stop()
            return
        if not order:  # the master has exited
            reactor.unregister(channel.fileno())
        reactor.stop(reactor.grace)

    channel.setblocking(False)
    reactor.register(channel.fileno(), READ, on_readable)
    if signal.getsignal(signal.SIGTERM) is _do_nothing:  # not ignored or handled by the program
        reactor.add_stop_signal(signal.SIGTERM)


def _do_nothing(*_: object) -> None:
    pass
