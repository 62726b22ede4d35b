"""Lesson 7: a server that reminds. "3 tea" makes it send "tea" after 3 seconds."""

import functools
import heapq
import itertools
import selectors
import socket
import time

LONGEST = 86_400  # seconds


class Timers:
    """Functions to call later, in a heap: the one that is due first is always at the front."""

    def __init__(self):
        self.heap = []
        self.numbers = itertools.count()

    def call_at(self, when, function):
        heapq.heappush(self.heap, (when, next(self.numbers), function))

    def timeout(self, now):
        """How many seconds the loop may wait; None is forever."""
        return max(self.heap[0][0] - now, 0) if self.heap else None

    def run_due(self, now):
        while self.heap and self.heap[0][0] <= now:
            _, _, function = heapq.heappop(self.heap)
            function()


def receive(client):
    try:
        return client.recv(1024)
    except ConnectionError:
        return b""


def tell(client, text):
    try:
        client.sendall(text + b"\n")
    except OSError:
        pass  # the client has left


def understand(line, client, timers, now):
    first, _, text = line.partition(b" ")
    try:
        seconds = float(first)
    except ValueError:
        seconds = -1
    if 0 <= seconds <= LONGEST:
        timers.call_at(now + seconds, functools.partial(tell, client, text))
    else:
        tell(client, b"say when: SECONDS TEXT")


def serve(listener):
    print("listening on port", listener.getsockname()[1])
    timers = Timers()
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    while True:
        timeout = timers.timeout(time.monotonic())
        events = selector.select(timeout)
        now = time.monotonic()
        for key, _ in events:
            if key.fileobj is listener:
                client, _ = listener.accept()
                selector.register(client, selectors.EVENT_READ)
            elif data := receive(key.fileobj):
                for line in data.splitlines():
                    understand(line, key.fileobj, timers, now)
            else:
                selector.unregister(key.fileobj)
                key.fileobj.close()
        timers.run_due(now)


if __name__ == "__main__":
    try:
        serve(socket.create_server(("127.0.0.1", 8007)))
    except KeyboardInterrupt:
        pass
