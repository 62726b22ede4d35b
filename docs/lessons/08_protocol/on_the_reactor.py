"""Lesson 8: the same echo server, on the real reactor."""

from reactor import Protocol, Reactor


class Echo(Protocol):
    def data_received(self, data):
        self.transport.write(data)


if __name__ == "__main__":
    loop = Reactor()
    loop.listen_tcp(Echo, "127.0.0.1", 8007)
    print("listening on port 8007")
    loop.run()
