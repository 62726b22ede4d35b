"""Exercise 4: disconnect a client that has been silent for SECONDS."""

import select
import time

SECONDS = 0.3


def serve(listener):
    heard = {}  # when each client was last heard
    while True:
        now = time.monotonic()
        for sock, when in list(heard.items()):
            if when + SECONDS <= now:
                del heard[sock]
                sock.close()
        timeout = min(heard.values()) + SECONDS - now if heard else None
        ready, _, _ = select.select([listener, *heard], [], [], timeout)
        for sock in ready:
            if sock is listener:
                client, _ = listener.accept()
                heard[client] = time.monotonic()
            elif data := sock.recv(1024):
                heard[sock] = time.monotonic()
                sock.sendall(data)
            else:
                del heard[sock]
                sock.close()
