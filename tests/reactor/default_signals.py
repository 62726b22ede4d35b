"""Signal handlers as Python starts with them."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

STOPPING = (signal.SIGINT, signal.SIGTERM)  # the signals that stop a loop by default
DEFAULTS = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGUSR1: signal.SIG_DFL,
    signal.SIGUSR2: signal.SIG_DFL,
}


@contextmanager
def default_signals_after() -> Iterator[None]:
    """After the block, all handlers and the process's wake-up descriptor must be the defaults. They
    are restored in any case."""
    yield
    found = {signum: signal.getsignal(signum) for signum in DEFAULTS}
    for signum, handler in DEFAULTS.items():
        signal.signal(signum, handler)
    assert found == DEFAULTS
    assert signal.set_wakeup_fd(-1) == -1
