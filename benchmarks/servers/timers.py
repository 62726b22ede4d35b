"""One million timers on the loop that the command line names: asyncio, uvloop or reactor.

Prints in nanoseconds of CPU what it costs to set a timer while the queue grows to a million
(``set``); to set and cancel one while a million are pending, turns of the loop included, as some
loops sweep out cancelled timers there (``churn``); to cancel the million (``cancel``); and for the
reactor to touch an idle timer (``touch``). ``memory`` is the bytes that a pending timer takes."""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

PENDING = 1_000_000
TURN = 1_000  # timers set and cancelled in one turn of the loop
HOUR = 3600.0


def nothing() -> None:
    pass


def make_loop(name: str) -> tuple[Any, Callable[[], None]]:
    """Return a loop and a function that runs one turn of it."""
    if name == "reactor":
        from reactor import Reactor

        reactor = Reactor()
        return reactor, lambda: reactor.run_once(0)
    if name == "uvloop":
        import uvloop

        loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    else:
        loop = asyncio.new_event_loop()

    def turn() -> None:
        loop.call_soon(loop.stop)
        loop.run_forever()

    return loop, turn


def spent(function: Callable[[], None]) -> float:
    """Return the nanoseconds of CPU for each of the million things that ``function`` does."""
    start = time.process_time()
    function()
    return (time.process_time() - start) / PENDING * 1e9


def resident() -> int:
    """Return the bytes of memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    name = sys.argv[1]
    loop, turn = make_loop(name)
    turn()
    pending: list[Any] = [None] * PENDING  # made before, as it is not the timers' memory

    def fill() -> None:
        for number in range(PENDING):
            pending[number] = loop.call_later(HOUR + number % 1000, nothing)

    def churn() -> None:
        for number in range(PENDING):
            loop.call_later(HOUR + number % 1000, nothing).cancel()
            if number % TURN == 0:
                turn()

    def cancel() -> None:
        for timer in pending:
            timer.cancel()
        turn()

    def touch() -> None:
        from reactor import IdleTimer

        heard = IdleTimer(loop, HOUR, nothing).touch
        for _ in range(PENDING):
            heard()

    before = resident()
    figures = {"set": spent(fill)}
    turn()
    figures["memory"] = (resident() - before) / PENDING
    figures["churn"] = spent(churn)
    figures["cancel"] = spent(cancel)
    if name == "reactor":
        figures["touch"] = spent(touch)
    print(" ".join(f"{key}={value:.1f}" for key, value in figures.items()))


main()
