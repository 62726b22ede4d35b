"""Solution 8: Shout, which answers each line in upper case."""

from reactor import Protocol

MAX_LINE = 80


class Shout(Protocol):
    def connection_made(self, transport):
        self.transport = transport
        self.partial = b""

    def data_received(self, data):
        *lines, self.partial = (self.partial + data).split(b"\n")
        for line in lines:
            if len(line) > MAX_LINE:
                self.transport.close()
                return
            self.transport.write(line.upper() + b"\n")
        if len(self.partial) > MAX_LINE:
            self.transport.close()
