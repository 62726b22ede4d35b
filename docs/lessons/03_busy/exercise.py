"""Exercise 3: after each pass in which nothing was ready, and only then, sleep for PAUSE seconds
with ``time.sleep``."""

import time  # noqa: F401 - you will need it

PAUSE = 0.01


def serve(listener):
    listener.setblocking(False)
    clients = []
    while True:
        try:
            client, _ = listener.accept()
        except BlockingIOError:
            pass
        else:
            client.setblocking(False)
            clients.append(client)
        for client in clients.copy():
            try:
                data = client.recv(1024)
            except BlockingIOError:
                continue
            if data:
                client.sendall(data)
            else:
                clients.remove(client)
                client.close()
