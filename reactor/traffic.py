"""What each descriptor has received and sent, and when: an observer that counts."""

from __future__ import annotations

from typing import Final

from .observer import Observer, Turn


class Traffic(Observer):
    """Counts the bytes of each descriptor, and when it was opened and last had an event. What was
    before the observation is not known.

    ``descriptors``: for each open descriptor that was seen so far, a ``DescriptorTraffic``."""

    def __init__(self) -> None:
        self.descriptors: dict[int, DescriptorTraffic] = {}

    def go_on_from(self, other: Traffic) -> None:
        """Take over what ``other``, which observes the same loop, has counted so far."""
        counted = other.descriptors.items()
        self.descriptors = {fd: traffic.copy() for fd, traffic in counted}

    def turn_ended(self, turn: Turn) -> None:
        descriptors = self.descriptors
        now = turn.times[-1]
        for fd in turn.opened:
            # A connection that was paused is registered again: then it is known already.
            descriptors.setdefault(fd, DescriptorTraffic(now))
        for call in turn._calls:
            fd, mask = call[3], call[4]
            if fd is None:
                continue
            if (traffic := descriptors.get(fd)) is None:
                if not mask:  # a callback after it was closed
                    continue
                traffic = descriptors[fd] = DescriptorTraffic(None)
            traffic.received += call[5]
            if mask:
                traffic.last_event = mask
                traffic.last_time = now
        for fd, sent, _ in turn._flushes:
            if (traffic := descriptors.get(fd)) is None:
                traffic = descriptors[fd] = DescriptorTraffic(None)
            traffic.sent += sent
        for fd in turn.closed:
            descriptors.pop(fd, None)


class SampledTraffic(Traffic):
    """The same for less: as the only observer of a busy loop, it gets samples. Bytes, events, what
    opens and closes, errors, timers, and calls that take longer than a millisecond are exact. Of
    the other calls only those in ``measured`` turns are measured; see sampling.py.

    ``turn_ended`` is called for turns that are measured, and for others in which there was one of
    these things; ``turn_passed`` for the rest. ``measured``: how many turns were measured.
    ``slow``: seconds; calls that take longer are exact."""

    slow: Final = 0.001

    def __init__(self) -> None:
        super().__init__()
        self.measured = 0

    def turn_ended(self, turn: Turn) -> None:
        super().turn_ended(turn)
        self.measured += turn.is_measured

    def turn_passed(self, turn: Turn) -> None:
        """Another turn is over. It has only ``events`` and ``times``: when it began, when its wait
        began and ended, and when it ended. ``turn`` must not be kept."""


class DescriptorTraffic:
    """``opened``: when it was opened, None if that was before the observation. ``last_time``: of
    the last event, ``last_event`` its mask. Times are in seconds of the loop's clock. ``received``
    and ``sent``: bytes."""

    __slots__ = ("last_event", "last_time", "opened", "received", "sent")

    def __init__(self, opened: float | None) -> None:
        self.opened = opened
        self.last_event = 0
        self.last_time = opened
        self.received = 0
        self.sent = 0

    def copy(self) -> DescriptorTraffic:
        made = DescriptorTraffic(self.opened)
        made.last_event, made.last_time = self.last_event, self.last_time
        made.received, made.sent = self.received, self.sent
        return made
