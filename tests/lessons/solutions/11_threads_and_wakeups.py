"""Exercise 11: one byte is enough to wake the loop, and no wake-up is lost."""

import socket


class Wakeup:
    """The loop watches ``receiver``, and calls ``drain`` when it is readable."""

    def __init__(self):
        self.receiver, self.sender = socket.socketpair()
        self.receiver.setblocking(False)
        self.sender.setblocking(False)
        self.woken = False

    def wake(self):
        """End the wait of the loop, this one or the next. Any thread may call this."""
        if not self.woken:
            # Not after send: the loop could have read the byte already, and cleared the flag.
            self.woken = True
            self.sender.send(b"\0")

    def drain(self):
        """Read what has been written."""
        self.receiver.recv(4096)
        # Not before recv: that could read the byte of a later call as well, and then the flag
        # would be set for ever, without a byte in the pair.
        self.woken = False
