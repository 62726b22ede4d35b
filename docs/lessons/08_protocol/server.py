"""Lesson 8: an echo server, as a protocol. It never waits, and knows no socket."""

from loop import Loop
from protocol import Protocol


class Echo(Protocol):
    def data_received(self, data):
        self.transport.write(data)


if __name__ == "__main__":
    loop = Loop()
    loop.listen_tcp(Echo, "127.0.0.1", 8007)
    print("listening on port 8007")
    try:
        loop.run()
    except KeyboardInterrupt:
        pass
