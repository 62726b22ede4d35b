"""Lesson 2: an echo server with a thread for each client."""

import socket
import threading


def echo(client):
    with client:
        while data := client.recv(1024):
            client.sendall(data)


def serve(listener):
    print("listening on port", listener.getsockname()[1])
    while True:
        client, _ = listener.accept()
        threading.Thread(target=echo, args=[client], daemon=True).start()


if __name__ == "__main__":
    try:
        serve(socket.create_server(("127.0.0.1", 8007)))
    except KeyboardInterrupt:
        pass
