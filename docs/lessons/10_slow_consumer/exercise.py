"""Exercise 10: a relay. It connects two peers: what one sends, the other receives.

Let a fast sender wait for a slow reader, so that never more than about LIMIT bytes wait in the
relay. Nothing may be lost, in either direction. A transport has ``pause_reading()`` and
``resume_reading()``."""

from reactor import Protocol

LIMIT = 65536  # bytes


class End(Protocol):
    """One of the two connections. ``other`` is the other one's protocol: whoever makes the two
    sets it before any data arrives."""

    other = None

    def connection_made(self, transport):
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=LIMIT)

    def data_received(self, data):
        self.other.transport.write(data)

    def connection_lost(self, error):
        self.other.transport.close()
