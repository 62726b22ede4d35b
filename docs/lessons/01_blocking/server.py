"""Lesson 1: a blocking echo server. It serves one client after another."""

import socket


def serve(listener):
    print("listening on port", listener.getsockname()[1])
    while True:
        client, _ = listener.accept()
        with client:
            while data := client.recv(1024):
                client.sendall(data)


if __name__ == "__main__":
    try:
        serve(socket.create_server(("127.0.0.1", 8007)))
    except KeyboardInterrupt:
        pass
