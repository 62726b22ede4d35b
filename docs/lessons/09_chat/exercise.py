"""Exercise 9: ask before you judge.

A client that has sent nothing for ASK seconds gets the line "PING". If it then sends nothing for
another WAIT seconds, it gets "timed out" and is disconnected. Whatever a client sends is a sign of
life, not only an answer to PING. No timer may be left when a client has gone."""

from reactor import IdleTimer, LineProtocol  # noqa: F401 - you will need a timer

ASK = 10.0  # seconds
WAIT = 5.0


class Pinged(LineProtocol):
    def connection_made(self, transport):
        super().connection_made(transport)  # transport.reactor is the loop

    def data_received(self, data):
        super().data_received(data)

    def line_received(self, line):
        if line != "PONG":
            self.send_line(f"you said {line}")
