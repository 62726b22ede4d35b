"""A crowd of clients: each one connects, sends a line, and stays until the last one has come.

    python docs/lessons/tools/crowd.py 500

The last line says how many got their line back. After PATIENCE seconds without an answer, nobody
else waits for one. (If all connected first, they would be faster than a server that accepts them,
and the kernel would let the last ones try again after a second.)"""

import socket
import sys
import time

PORT = 8007
PATIENCE = 5  # seconds


def main(number):
    clients = []
    answered = 0
    deadline = time.monotonic() + PATIENCE
    for _ in range(number):
        if (client := connect()) is not None:
            clients.append(client)
            if echoes(client, deadline):
                answered += 1
                deadline = time.monotonic() + PATIENCE
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
