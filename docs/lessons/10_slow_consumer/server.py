"""Lesson 10: prices for every client, a hundred times a second, and clients that read too slowly.

With the argument "careless" it does not care who is slow."""

import socket
import sys

from reactor import Protocol, Reactor

TICK = 0.01  # seconds
HIGH, LOW, CAP = 65536, 16384, 196608  # bytes that wait for one client
DETAILS = "." * 9980  # what else there is to say of each price


class Prices(Protocol):
    """A client. One that is behind misses prices, until it has caught up."""

    def __init__(self, clients):
        self.clients = clients
        self.paused = False
        self.missed = 0

    def connection_made(self, transport):
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=HIGH, low=LOW)
        transport.max_write_buffer = CAP - HIGH  # above the high-water mark
        # The kernel would keep megabytes for a slow client, and hide from us that it is slow.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        self.clients.add(self)

    def show(self, line):
        if self.paused:
            self.missed += 1
        else:
            self.transport.write(line)

    def pause_writing(self):
        self.paused = True

    def resume_writing(self):
        self.paused = False
        self.transport.write(b"missed %d prices\n" % self.missed)
        self.missed = 0

    def connection_lost(self, error):
        self.clients.remove(self)
        print("a client has left" if error is None else f"a client is lost: {error}", flush=True)


class Careless(Prices):
    """It writes, whatever it is told."""

    def pause_writing(self):
        pass

    def resume_writing(self):
        pass


def serve(reactor):
    def tick(number):
        reactor.call_later(TICK, tick, number + 1)
        line = f"price {number:>6} {DETAILS}\n".encode()
        for client in clients:
            client.show(line)

    clients = set()
    kind = Careless if sys.argv[1:] == ["careless"] else Prices
    reactor.listen_tcp(lambda: kind(clients), "127.0.0.1", 8007)
    print("listening on port 8007")
    tick(1)


if __name__ == "__main__":
    with Reactor() as reactor:
        serve(reactor)
        reactor.run()
