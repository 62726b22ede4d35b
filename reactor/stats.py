"""Counters of one reactor: plain numbers, incremented where things happen."""


class Stats:
    """What a reactor has done so far. All counters start at zero. Only ``connections`` and
    ``lingering`` can decrease."""

    __slots__ = (
        "accepted",
        "bytes_received",
        "bytes_sent",
        "connections",
        "datagrams_dropped",
        "datagrams_received",
        "datagrams_sent",
        "last_wake",
        "lingering",
        "refused",
        "stalled_time",
        "turns",
        "wait_time",
        "work_time",
        "writes_dropped",
    )

    def __init__(self, now: float) -> None:
        """``now``: the time at which the loop was made, in seconds of its clock."""
        self.last_wake = now  # Reactor.time() at which the last wait ended
        self.turns = 0  # turns of the loop
        self.wait_time = 0.0  # seconds in the poller
        self.work_time = 0.0  # seconds outside it
        # Seconds for which peers waited because a turn was late or the loop did not run; backlog.py
        self.stalled_time = 0.0
        self.accepted = 0  # connections that listeners accepted
        self.refused = 0  # connections closed at once, because of a limit or an error
        self.connections = 0  # stream transports open now
        self.lingering = 0  # closed, and waiting for the peer to close (transports/linger.py)
        self.bytes_received = 0
        self.bytes_sent = 0
        self.writes_dropped = 0  # calls of write() on a closing or lost connection
        self.datagrams_received = 0
        self.datagrams_sent = 0
        self.datagrams_dropped = 0  # because of a full queue, an error, or no system buffer

    def as_dict(self) -> dict[str, float]:
        """All counters by name."""
        return {name: getattr(self, name) for name in self.__slots__ if name != "last_wake"}

    def __repr__(self) -> str:
        return (
            f"<Stats {' '.join(f'{name}={value:.6g}' for name, value in self.as_dict().items())}>"
        )
