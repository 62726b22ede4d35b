"""Lesson 9: a chat over TCP and UDP, with heartbeats."""

from functools import partial

from reactor import DatagramProtocol, IdleTimer, LineProtocol, Reactor

TIMEOUT = 2.0  # seconds of silence


class Room:
    def __init__(self, reactor):
        self.reactor = reactor
        self.members = {}  # by connection or address
        self.guests = 0

    def tell_all(self, line):
        for member in self.members.values():
            member.show(line)


class Member:
    def __init__(self, room, key, show, close):
        self.room, self.key, self.show, self.close = room, key, show, close
        room.guests += 1
        self.name = f"guest-{room.guests}"
        self.timer = None
        room.members[key] = self
        room.tell_all(f"* {self.name} has come")

    def receive(self, line):
        if self.timer is not None:
            self.timer.touch()  # any line is a sign of life
        if line != "HEARTBEAT":
            self.room.tell_all(f"{self.name}: {line}")
        elif self.timer is None:
            self.expect_heartbeats()

    def expect_heartbeats(self):
        self.timer = IdleTimer(self.room.reactor, TIMEOUT, self.leave, "was silent for too long")

    def leave(self, why):
        if self.timer is not None:
            self.timer.cancel()
        if self.room.members.pop(self.key, None) is not None:
            self.room.tell_all(f"* {self.name} {why}")
        self.close()


class Lines(LineProtocol):
    def __init__(self, room):
        self.room = room

    def connection_made(self, transport):
        super().connection_made(transport)
        self.member = Member(self.room, transport, self.send_line, transport.close)

    def line_received(self, line):
        self.member.receive(line)

    def connection_lost(self, error):
        self.member.leave("has left" if error is None else f"is lost: {error}")


class Datagrams(DatagramProtocol):
    def __init__(self, room):
        self.room = room

    def datagram_received(self, data, address):
        member = self.room.members.get(address)
        if member is None:
            member = Member(self.room, address, partial(self.send, address), lambda: None)
            member.expect_heartbeats()  # silence is all that will show that it is gone
        member.receive(data.decode("utf-8", "replace").rstrip())

    def send(self, address, line):
        self.transport.sendto(f"{line}\n".encode(), address)


def serve(reactor):
    room = Room(reactor)
    reactor.listen_tcp(partial(Lines, room), "127.0.0.1", 8007)
    reactor.listen_udp(partial(Datagrams, room), "127.0.0.1", 8007)
    print("listening on port 8007")


if __name__ == "__main__":
    with Reactor() as reactor:
        serve(reactor)
        reactor.run()
