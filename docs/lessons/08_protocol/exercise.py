"""Exercise 8: answer each line in upper case.

A line may arrive in many pieces, and a piece may contain many lines. Close the connection when a
line has more than MAX_LINE bytes, also if it never ends. The lines before it are answered."""

from reactor import Protocol

MAX_LINE = 80  # bytes, without the newline


class Shout(Protocol):
    def data_received(self, data):
        self.transport.write(data.upper())
