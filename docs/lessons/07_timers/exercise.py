"""Exercise 7: timers that can be cancelled. The clock is an argument, so no test has to wait.

A heap has no cheap way to find an entry and remove it. So ``cancel`` leaves the entry where it is,
and marks it: it must not run, and the loop must not wake up for it. But marked entries take memory.
So when ``cancel`` leaves a heap of more than 100 entries of which more than half are marked, it
removes all of these at once."""

import heapq
import itertools


class Timers:
    """Functions to call later, in a heap: the one that is due first is always at the front."""

    def __init__(self):
        self.heap = []
        self.numbers = itertools.count()

    def call_at(self, when, function):
        """Returns what ``cancel`` needs."""
        entry = (when, next(self.numbers), function)
        heapq.heappush(self.heap, entry)
        return entry

    def cancel(self, entry):
        """Do not call this one. Has no effect if it was called or cancelled before."""

    def timeout(self, now):
        """How many seconds the loop may wait; None is forever."""
        return max(self.heap[0][0] - now, 0) if self.heap else None

    def run_due(self, now):
        while self.heap and self.heap[0][0] <= now:
            _, _, function = heapq.heappop(self.heap)
            function()
