"""Exercise 2: at most MAX_CLIENTS have a thread. One more client gets "full" and a newline, and is
disconnected. A place becomes free when a client leaves."""

import threading

MAX_CLIENTS = 2


def echo(client):
    with client:
        while data := client.recv(1024):
            client.sendall(data)


def serve(listener):
    while True:
        client, _ = listener.accept()
        threading.Thread(target=echo, args=[client], daemon=True).start()
