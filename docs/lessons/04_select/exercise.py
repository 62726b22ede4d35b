"""Exercise 4: disconnect a client that has been silent for SECONDS. Nobody else may notice.

``select`` takes a fourth argument: how many seconds it may wait at most."""

import select

SECONDS = 0.3


def serve(listener):
    sockets = [listener]
    while True:
        ready, _, _ = select.select(sockets, [], [])
        for sock in ready:
            if sock is listener:
                client, _ = listener.accept()
                sockets.append(client)
            elif data := sock.recv(1024):
                sock.sendall(data)
            else:
                sockets.remove(sock)
                sock.close()
