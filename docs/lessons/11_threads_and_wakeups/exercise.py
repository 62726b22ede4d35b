"""Exercise 11: when a thousand threads wake the loop at the same time, one byte is enough. Let
``wake`` write a byte only if there is none in the pair yet, and never lose a wake-up. Use no lock:
a signal handler may call ``wake`` in the middle of ``drain``, and would wait for its own thread."""

import socket


class Wakeup:
    """The loop watches ``receiver``, and calls ``drain`` when it is readable."""

    def __init__(self):
        self.receiver, self.sender = socket.socketpair()
        self.receiver.setblocking(False)
        self.sender.setblocking(False)

    def wake(self):
        """End the wait of the loop, this one or the next. Any thread may call this."""
        self.sender.send(b"\0")

    def drain(self):
        """Read what has been written."""
        self.receiver.recv(4096)
