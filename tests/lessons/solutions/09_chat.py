"""Solution 9: a client that is silent is asked, and then disconnected."""

from reactor import IdleTimer, LineProtocol

ASK = 10.0  # seconds
WAIT = 5.0


class Pinged(LineProtocol):
    def connection_made(self, transport):
        super().connection_made(transport)
        self.deadline = None  # for the answer to PING
        self.expect_something()

    def expect_something(self):
        self.idle = IdleTimer(self.transport.reactor, ASK, self.ask)

    def ask(self):
        self.send_line("PING")
        self.deadline = self.transport.reactor.call_later(WAIT, self.give_up)

    def give_up(self):
        self.send_line("timed out")
        self.transport.close()

    def data_received(self, data):
        if self.deadline is None:
            self.idle.touch()
        else:
            self.deadline.cancel()
            self.deadline = None
            self.expect_something()
        super().data_received(data)

    def line_received(self, line):
        if line != "PONG":
            self.send_line(f"you said {line}")

    def connection_lost(self, error):
        self.idle.cancel()
        if self.deadline is not None:
            self.deadline.cancel()
