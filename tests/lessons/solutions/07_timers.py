"""Exercise 7: timers that can be cancelled."""

import heapq
import itertools


class Timers:
    """Functions to call later, in a heap of lists: [when, number, function or None]."""

    def __init__(self):
        self.heap = []
        self.numbers = itertools.count()
        self.cancelled = 0  # entries of the heap

    def call_at(self, when, function):
        entry = [when, next(self.numbers), function]
        heapq.heappush(self.heap, entry)
        return entry

    def cancel(self, entry):
        if entry[2] is None:
            return
        entry[2] = None
        self.cancelled += 1
        if len(self.heap) > 100 and self.cancelled * 2 > len(self.heap):
            self.heap = [entry for entry in self.heap if entry[2] is not None]
            heapq.heapify(self.heap)
            self.cancelled = 0

    def timeout(self, now):
        while self.heap and self.heap[0][2] is None:
            heapq.heappop(self.heap)
            self.cancelled -= 1
        return max(self.heap[0][0] - now, 0) if self.heap else None

    def run_due(self, now):
        while self.heap and self.heap[0][0] <= now:
            entry = heapq.heappop(self.heap)
            function, entry[2] = entry[2], None  # to cancel it has no effect any more
            if function is None:
                self.cancelled -= 1
            else:
                function()
