"""Lesson 8: the transport, which carries the bytes of one connection."""

from selectors import EVENT_READ, EVENT_WRITE


class Transport:
    def __init__(self, loop, sock, protocol):
        self.loop, self.sock, self.protocol = loop, sock, protocol
        self.unsent = bytearray()
        self.closing = self.lost = False
        sock.setblocking(False)
        loop.selector.register(sock, EVENT_READ, self.on_ready)
        protocol.connection_made(self)

    def on_ready(self, mask):
        if mask & EVENT_WRITE:
            self.flush()
        if mask & EVENT_READ and not self.closing:
            self.read()

    def read(self):
        try:
            data = self.sock.recv(65536)
        except BlockingIOError:
            return  # the report was wrong
        except OSError as error:
            self.lose(error)
            return
        if data:
            self.protocol.data_received(data)
        else:
            self.close()

    def write(self, data):
        if not self.closing:
            self.unsent += data
            self.loop.written.append(self)

    def close(self):
        self.closing = True  # flush ends the connection when everything is sent
        self.loop.written.append(self)

    def flush(self):
        try:
            if self.unsent:
                del self.unsent[: self.sock.send(self.unsent)]
        except BlockingIOError:
            pass
        except OSError as error:
            self.lose(error)
        interest = 0 if self.closing else EVENT_READ
        if self.unsent:
            interest |= EVENT_WRITE
        if not interest:
            self.lose(None)
        elif not self.lost:
            self.loop.selector.modify(self.sock, interest, self.on_ready)

    def lose(self, error):
        if not self.lost:
            self.closing = self.lost = True
            self.unsent.clear()
            self.loop.selector.unregister(self.sock)
            self.sock.close()
            self.protocol.connection_lost(error)
