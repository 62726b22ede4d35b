"""Lesson 8: the loop, which calls the handler of each socket that is ready."""

import selectors
import socket

from transport import Transport


class Loop:
    def __init__(self):
        self.selector = selectors.DefaultSelector()
        self.written = []  # the transports that have something to send, or have to end

    def listen_tcp(self, factory, host, port):
        def accept(mask):
            client, _ = listener.accept()
            Transport(self, client, factory())  # each connection has a protocol of its own

        listener = socket.create_server((host, port))
        listener.setblocking(False)
        self.selector.register(listener, selectors.EVENT_READ, accept)

    def run(self):
        while True:
            for key, mask in self.selector.select():
                key.data(mask)  # the handler
            for transport in self.written:
                transport.flush()
            self.written.clear()
