"""A crowd of clients: connects many at the same time, lets each send a line, and counts the echoes.

    python docs/lessons/tools/crowd.py 1000

The last line says how many were answered within PATIENCE seconds."""

import socket
import sys
import time

PORT = 8007
PATIENCE = 5  # seconds


def main(number):
    clients = [client for _ in range(number) if (client := connect()) is not None]
    deadline = time.monotonic() + PATIENCE
    answered = sum(echoes(client, deadline) for client in clients)
    print(f"{answered} of {number} clients were answered")
    for client in clients:
        client.close()


def connect():
    try:
        return socket.create_connection(("127.0.0.1", PORT), timeout=PATIENCE)
    except OSError:
        return None


def echoes(client, deadline):
    client.settimeout(max(deadline - time.monotonic(), 0.001))
    try:
        client.sendall(b"hello\n")
        return client.recv(100) == b"hello\n"
    except OSError:
        return False


if __name__ == "__main__":
    main(int(sys.argv[1]))
