"""Many timers on one loop: asyncio, uvloop or reactor. Usage: timers LOOP COUNT

Prints nanoseconds of CPU for one operation: ``set``, setting a timer while the queue grows to
COUNT; ``churn``, setting and cancelling one while COUNT are pending, including turns of the loop,
in which some loops remove cancelled timers; ``cancel``, cancelling one of the COUNT; ``touch``,
touching an idle timer (only the reactor). ``memory`` is the size of a pending timer in bytes."""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
    """Return the nanoseconds of CPU that ``function`` takes."""
    start = time.process_time()
    function()
    return (time.process_time() - start) * 1e9


def resident() -> int:
    """Return the bytes of memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    name, count = sys.argv[1], int(sys.argv[2])
    loop, turn = make_loop(name)
    turn()
    pending: list[Any] = [
        None
    ] * count  # allocated now, because it is not part of the timers' memory

    def fill() -> None:
        for number in range(count):
            pending[number] = loop.call_later(HOUR + number % 1000, nothing)

    def churn() -> None:
        for number in range(count):
            loop.call_later(HOUR + number % 1000, nothing).cancel()
            if number % TURN == 0:
                turn()

    def cancel() -> None:
        for timer in pending:
            timer.cancel()
        turn()

    def touch() -> None:
        from reactor import IdleTimer

        touch_timer = IdleTimer(loop, HOUR, nothing).touch
        for _ in range(count):
            touch_timer()

    before = resident()
    figures = {"set": spent(fill)}
    turn()
    figures["memory"] = resident() - before
    figures["churn"] = spent(churn)
    figures["cancel"] = spent(cancel)
    if name == "reactor":
        figures["touch"] = spent(touch)
    print(" ".join(f"{key}={value / count:.1f}" for key, value in figures.items()))


main()
