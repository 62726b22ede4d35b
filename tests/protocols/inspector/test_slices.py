"""The inspector's thread does not compute for long at a time."""

from __future__ import annotations

import pytest

from protocols.inspector.control import Control
from protocols.inspector.slices import REST, SLICE, Slices
from protocols.inspector.state import State
from protocols.inspector.table import View
from protocols.inspector.watchdog import Watchdog
from protocols.inspector.watching import Watcher
from reactor import Protocol
from reactor.testing import VirtualReactor


class Clock:
    """Seconds that pass only when somebody works or sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept = []

    def sleep(self, seconds):
        self.slept.append(self.now)
        self.now += seconds


def test_others_may_run_when_a_slice_is_over():
    clock = Clock()
    slices = Slices(lambda: clock.now, clock.sleep)
    for _ in range(100):
        clock.now += SLICE / 10
        slices.breathe()
    assert len(clock.slept) == 9  # after each eleventh
    assert clock.now == pytest.approx(100 * SLICE / 10 + 9 * REST)


def test_a_short_piece_of_work_is_not_interrupted():
    clock = Clock()
    slices = Slices(lambda: clock.now, clock.sleep)
    for _ in range(10):
        clock.now += SLICE / 20
        slices.breathe()
    assert clock.slept == []


def test_the_state_is_made_in_slices():
    """Each descriptor may be described in a slice of its own, and so may each part of the state."""
    with VirtualReactor(debug=False) as loop:
        watcher = Watcher()
        loop.add_observer(watcher)
        for _ in range(150):
            loop.connect(Protocol)
        loop.settle()
        breaths = []
        state = State(
            loop,
            watcher,
            Control(loop, watcher),
            Watchdog(loop, watcher),
            breathe=lambda: breaths.append(1),
        )
        state.document(View(count=0))
        parts = len(breaths)
        state.refresh()
        state.document(View(count=100))
        assert parts >= 4
        assert len(breaths) - parts >= 100 + parts - 2
