"""Lesson 4: an echo server that waits for all of its sockets at the same time."""

import select
import socket


def serve(listener):
    print("listening on port", listener.getsockname()[1])
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


if __name__ == "__main__":
    try:
        serve(socket.create_server(("127.0.0.1", 8007)))
    except KeyboardInterrupt:
        pass
