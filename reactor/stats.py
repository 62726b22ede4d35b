"""Counters of one reactor. Plain numbers, added to where things happen, and read by whoever is
curious."""


class Stats:
    """What a reactor has done so far. All counters begin at zero and only grow, but for
    ``connections`` and ``lingering``."""

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
        self.last_wake = now  # Reactor.time() at which the last wait ended
        self.turns = 0  # turns of the loop
        self.wait_time = 0.0  # seconds in the poller
        self.work_time = 0.0  # seconds outside it
        # Seconds in which a late turn, or a loop that was not run, let peers wait: see backlog.py.
        self.stalled_time = 0.0
        self.accepted = 0  # connections that listeners accepted
        self.refused = 0  # connections closed at once, by a limit or an error
        self.connections = 0  # stream transports open now
        self.lingering = (
            0  # closed in good order, waiting for the peer's end (transports/linger.py)
        )
        self.bytes_received = 0
        self.bytes_sent = 0
        self.writes_dropped = 0  # calls of write() after the connection was lost or closing
        self.datagrams_received = 0
        self.datagrams_sent = 0
        self.datagrams_dropped = 0  # by a full queue, an error, or the system's lack of buffers

    def as_dict(self) -> dict[str, float]:
        """All counters by name."""
        return {name: getattr(self, name) for name in self.__slots__ if name != "last_wake"}

    def __repr__(self) -> str:
        return (
            f"<Stats {' '.join(f'{name}={value:.6g}' for name, value in self.as_dict().items())}>"
        )
