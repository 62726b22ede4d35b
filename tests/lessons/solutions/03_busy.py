"""Exercise 3: sleep for PAUSE seconds after each pass in which nothing was ready."""

import time

PAUSE = 0.01


def serve(listener):
    listener.setblocking(False)
    clients = []
    while True:
        idle = True
        try:
            client, _ = listener.accept()
        except BlockingIOError:
            pass
        else:
            idle = False
            client.setblocking(False)
            clients.append(client)
        for client in clients.copy():
            try:
                data = client.recv(1024)
            except BlockingIOError:
                continue
            idle = False
            if data:
                client.sendall(data)
            else:
                clients.remove(client)
                client.close()
        if idle:
            time.sleep(PAUSE)
