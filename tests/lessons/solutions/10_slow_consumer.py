"""Solution 10: a relay. A connection that is full stops the reading of the other one."""

from reactor import Protocol

LIMIT = 65536  # bytes


class End(Protocol):
    """One of the two connections."""

    other = None

    def connection_made(self, transport):
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=LIMIT)

    def data_received(self, data):
        self.other.transport.write(data)

    def pause_writing(self):
        self.other.transport.pause_reading()

    def resume_writing(self):
        self.other.transport.resume_reading()

    def connection_lost(self, error):
        self.other.transport.close()
