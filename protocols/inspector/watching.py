"""The part of the inspector that runs in the watched loop: an observer that adds up what each turn
did.

All of this takes time from the watched loop. So what can be found out later or in another thread is
not here: the tables are read by state.py and table.py, and what the steps take is taken from the
newest turns."""

from __future__ import annotations

from collections import deque
from typing import Final

from reactor import RecentTurns, SampledTraffic, Turn

from .history import Strip, TimeByName, new_entry

_MOST: Final = 20  # newest entries of each kind to keep
_SAMPLED: Final = ("event", "callback")  # calls that are sampled if they are short


class Watcher(SampledTraffic):
    """Watches one loop for the inspector; add it with ``Reactor.add_observer``.

    ``threshold``: seconds; a turn that works for longer is a long one.

    * ``recent``: the newest turns. ``descriptors``: see ``Traffic``.
    * ``strip`` and ``by_name``: the last minute.
    * ``long_turns``: the newest long turns, and ``long_turns_total`` how many there were.
    * ``fired``: the newest timers, as (name, kind, when it had run, seconds that it took).
    * ``errors``: the newest ones, as (when, one line), and ``errors_total``.
    * ``closed``: the descriptors that were closed last, and ``closed_total``.
    * ``turns``: how many there were, of which ``measured`` were measured.
    * ``size``: turns and events, and ``size_measured``, those of measured turns."""

    def __init__(self, threshold: float = 0.1) -> None:
        super().__init__()
        self.threshold = threshold
        self.recent = RecentTurns()
        self.strip = Strip()
        self.by_name = TimeByName()
        self.long_turns: deque[Turn] = deque(maxlen=_MOST)
        self.long_turns_total = 0
        self.fired: deque[tuple[str, str, float, float]] = deque(maxlen=_MOST)
        self.errors: deque[tuple[float, str]] = deque(maxlen=_MOST)
        self.errors_total = 0
        self.closed: deque[int] = deque(maxlen=_MOST)
        self.closed_total = 0
        self.turns = 0
        self.size = self.size_measured = 0

    def turn_passed(self, turn: Turn) -> None:
        self.strip.add(turn)
        self.turns += 1
        self.size += 1 + len(turn.events)

    def turn_ended(self, turn: Turn) -> None:
        super().turn_ended(turn)
        self.turns += 1
        size = 1 + len(turn.events)
        self.size += size
        if turn.is_measured:
            self.size_measured += size
            self.recent.turn_ended(turn)
        if self.strip.add(turn) >= self.threshold:
            self.long_turns.append(turn.trimmed(self.recent.most))
            self.long_turns_total += 1
        if turn._calls:
            self._count_calls(turn)
        if turn.errors:
            self.errors.extend((turn.times[-1], line) for line in turn.errors[:_MOST])
            self.errors_total += len(turn.errors)
        if turn.closed:
            self.closed.extend(turn.closed[-_MOST:])
            self.closed_total += len(turn.closed)

    def _count_calls(self, turn: Turn) -> None:
        by_name = self.by_name
        if turn.times[-1] >= by_name.ends:
            by_name.begin(turn.times[-1], self.size, self.size_measured)
        names, exact = by_name.current, by_name.exact
        for call in turn._calls:  # plain tuples: turn.calls would make a Call of each
            kind, name, took = call[0], call[1], call[2]
            is_sampled = took < self.slow and kind in _SAMPLED
            entries = names if is_sampled else exact
            entry = entries.get(name) or new_entry(entries, name)
            entry[0] += 1
            entry[1] += took
            if took > entry[2]:  # noqa: PLR1730 - max() takes longer
                entry[2] = took
            # An idle timer that has only set itself again has not expired.
            if kind not in _SAMPLED and (kind == "timer" or not call[6]):
                self.fired.append((name, kind, turn.times[-1], took))
