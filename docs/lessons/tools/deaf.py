"""A client that sends and never reads, and then a second client, which wants one line echoed.

    python docs/lessons/tools/deaf.py 50

The first one sends as many MiB as it is told, or until the server takes no more for PATIENCE
seconds. It is still connected when the second one asks."""

import socket
import sys

PORT = 8007
PATIENCE = 0.5  # seconds
MIB = 1024 * 1024


def main(wanted):
    with socket.create_connection(("127.0.0.1", PORT), timeout=PATIENCE) as deaf:
        sent = send_without_reading(deaf, wanted * MIB)
        print(f"{sent / MIB:.1f} of {wanted} MiB were sent, and nothing was read")
        answer = "was answered" if is_answered() else "was not answered"
        print(f"meanwhile, a second client {answer}")


def send_without_reading(sock, size):
    sent = 0
    try:
        while sent < size:
            sent += sock.send(bytes(min(size - sent, MIB)))
    except OSError as error:  # nobody takes it, or the server has ended
        print(f"the server takes no more: {error}")
    return sent


def is_answered():
    try:
        with socket.create_connection(("127.0.0.1", PORT), timeout=PATIENCE) as client:
            client.sendall(b"hello\n")
            return client.recv(100) == b"hello\n"
    except OSError:
        return False


if __name__ == "__main__":
    main(int(sys.argv[1]))
