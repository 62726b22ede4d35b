"""What the inspector remembers of the last minute: waiting and working, and the time that each name
took.

The loop's thread adds, the inspector's thread reads. Nothing is locked: what is added to is
replaced as a whole, and what is finished does not change."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

from reactor import Turn

INTERVAL: Final = 0.25  # seconds of a bucket of the strip
BUCKETS: Final = 240
WAIT: Final = 2  # the step
WINDOW: Final = INTERVAL * BUCKETS  # seconds: the last minute

_MOST_NAMES: Final = 1000  # in each part of the minute
_OTHERS: Final = "(others)"  # what further names are counted under
_PARTS: Final = 12  # of the minute: what leaves the window leaves it by parts
_PART: Final = WINDOW / _PARTS  # seconds

Entries = dict[str, list[float]]

# What a bucket counts.
_WAITED, _WORKED, _TURNS, _EVENTS, _LONGEST = range(5)


class Strip:
    """Waiting and working in the last minute, in buckets of a quarter of a second.

    The wait and the work of a turn are split over the buckets that they lie in. The turn itself
    counts in the bucket in which it ends."""

    def __init__(self) -> None:
        self._finished: deque[tuple[int, list[float]]] = deque(maxlen=BUCKETS)
        self._begin(0)

    def _begin(self, number: int) -> None:
        self._number = number
        self._end = (number + 1) * INTERVAL
        self._waited = self._worked = self._longest = 0.0
        self._turns = self._events = 0

    def add(self, turn: Turn) -> float:
        """A turn has ended. Returns for how many seconds it has worked."""
        times = turn.times
        now = times[-1]
        waited = times[2] - times[1] if len(times) > 2 else 0.0
        worked = now - times[0] - waited
        if now >= self._end:
            self._cross(turn)
        else:
            self._waited += waited
            self._worked += worked
        self._turns += 1
        self._events += len(turn.events)
        if worked > self._longest:  # noqa: PLR1730 - max() takes longer
            self._longest = worked
        return worked

    def _cross(self, turn: Turn) -> None:
        """The turn has ended in a later bucket than the one before it."""
        number = int(turn.times[-1] / INTERVAL)
        buckets = {self._number: self._current()}
        _split(buckets, turn.times, turn.times[-1])
        current = buckets.pop(number)
        self._finished.extend(
            (key, _rounded(buckets[key])) for key in sorted(buckets) if any(buckets[key])
        )
        self._begin(number)
        self._waited, self._worked = current[_WAITED], current[_WORKED]

    def _current(self) -> list[float]:
        return [self._waited, self._worked, self._turns, self._events, self._longest]

    def document(self, now: float, turn: Turn | None) -> dict[str, list[float]]:
        """The buckets until ``now``, by number. ``turn``: the one that the loop is in, whose wait
        or work counts as far as it has come, in the longest too."""
        oldest = int(now / INTERVAL) - BUCKETS
        recent = {self._number: self._current()}
        if turn is not None:
            times = turn.times.copy()
            _split(recent, times, now, turn.step)
            last = recent.get(int(now / INTERVAL))
            if last is not None and not (len(times) == 2 and turn.step == WAIT):
                waited = times[2] - times[1] if len(times) > 2 else 0.0
                last[_LONGEST] = max(last[_LONGEST], now - times[0] - waited)
        # Last, so that a bucket that is finished meanwhile replaces the current one.
        shown = {key: _rounded(values) for key, values in recent.items()}
        finished = dict(self._finished.copy())
        shown |= finished
        return {str(key): shown[key] for key in sorted(shown) if key > oldest and any(shown[key])}


def _split(
    buckets: dict[int, list[float]], times: list[float], until: float, step: int = 9
) -> None:
    """Add the wait and the work of a turn that has come to ``step``, to the buckets that they lie
    in."""
    began = times[0]
    if len(times) < 2:
        _spread(buckets, _WORKED, began, until)
        return
    _spread(buckets, _WORKED, began, times[1])
    if len(times) == 2 and step == WAIT:
        _spread(buckets, _WAITED, times[1], until)
    elif len(times) == 2:  # it has ended in the wait, by an exception
        _spread(buckets, _WORKED, times[1], until)
    else:
        _spread(buckets, _WAITED, times[1], times[2])
        _spread(buckets, _WORKED, times[2], until)


def _spread(buckets: dict[int, list[float]], index: int, begin: float, end: float) -> None:
    last = int(end / INTERVAL)
    begin = max(begin, end - WINDOW)
    for number in range(int(begin / INTERVAL), last + 1):
        values = buckets.setdefault(number, [0.0, 0.0, 0, 0, 0.0])
        first = max(begin, number * INTERVAL)
        values[index] += max(min(end, (number + 1) * INTERVAL) - first, 0.0)


def _rounded(values: list[float]) -> list[float]:
    return [round(value, 6) for value in values]


class TimeByName:
    """How often each name ran in the last minute, and how long it took.

    ``current`` and ``exact``: for each name, a list of calls, seconds and the longest call's
    seconds. The watcher adds to them without a call, as this happens for everything that runs. In
    ``current`` are short calls, of which only those in measured turns are known: what the document
    says of them is an estimate for all turns."""

    def __init__(self) -> None:
        self.current: Entries = {}
        self.exact: Entries = {}
        self.ends = 0.0  # when the current part ends, in seconds of the loop's clock
        self._since = (0, 0)  # size before the current part: all, and what was measured
        self._older: deque[tuple[float, Entries, Entries, float]] = deque(maxlen=_PARTS)

    def begin(self, now: float, size: int = 0, measured: int = 0) -> None:
        """Begin the next part of the minute. ``size`` and ``measured``: as in ``document``."""
        if self.current or self.exact:
            ratio = self._ratio(size, measured)
            self._older.append((self.ends, self.current, self.exact, ratio))
        self.current, self.exact = {}, {}
        self._since = size, measured
        self.ends = now + _PART

    def _ratio(self, size: int, measured: int) -> float:
        """For how many calls a measured one stands."""
        since = self._since
        return max((size - since[0]) / max(measured - since[1], 1), 1.0)

    def document(
        self, now: float, size: int = 0, measured: int = 0, most: int = 20
    ) -> list[dict[str, Any]]:
        """The names that took longest in all, at most ``most`` of them. ``size``: how much has
        happened so far; ``measured``: how much of that was measured."""
        total: Entries = {}
        parts = [part for part in self._older.copy() if part[0] > now - WINDOW]
        parts.append((now, self.current, self.exact, self._ratio(size, measured)))
        for _, sampled, exact, ratio in parts:
            for entries, times in (sampled, ratio), (exact, 1.0):
                for name, (calls, seconds, longest) in entries.copy().items():
                    entry = total.setdefault(name, [0, 0.0, 0.0])
                    entry[0] += calls * times
                    entry[1] += seconds * times
                    entry[2] = max(entry[2], longest)
        slowest = sorted(total.items(), key=lambda item: (-item[1][1], item[0]))[:most]
        return [
            {
                "name": name,
                "calls": round(calls),
                "seconds": round(seconds, 6),
                "longest": round(longest, 6),
            }
            for name, (calls, seconds, longest) in slowest
        ]


def new_entry(entries: Entries, name: str) -> list[float]:
    """The entry of a name that has none yet."""
    if len(entries) >= _MOST_NAMES:
        name = _OTHERS
    return entries.setdefault(name, [0, 0.0, 0.0])
