"""Exercise 1: a client that is silent for SECONDS loses its place to the next one."""

SECONDS = 0.2


def serve(listener):
    while True:
        client, _ = listener.accept()
        client.settimeout(SECONDS)
        with client:
            try:
                while data := client.recv(1024):
                    client.sendall(data)
            except TimeoutError:
                pass
