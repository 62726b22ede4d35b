"""Exercise 2: at most MAX_CLIENTS have a thread."""

import threading

MAX_CLIENTS = 2

places = threading.Semaphore(MAX_CLIENTS)


def echo(client):
    with client:
        while data := client.recv(1024):
            client.sendall(data)
    places.release()


def serve(listener):
    while True:
        client, _ = listener.accept()
        if places.acquire(blocking=False):
            threading.Thread(target=echo, args=[client], daemon=True).start()
        else:
            client.sendall(b"full\n")
            client.close()
