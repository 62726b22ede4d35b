"""Lesson 3: an echo server that never waits. It asks every socket, again and again."""

import socket


def serve(listener):
    print("listening on port", listener.getsockname()[1])
    listener.setblocking(False)
    clients = []
    while True:
        try:
            client, _ = listener.accept()
        except BlockingIOError:
            pass  # nobody is waiting
        else:
            client.setblocking(False)
            clients.append(client)
        for client in clients.copy():
            try:
                data = client.recv(1024)
            except BlockingIOError:
                continue  # nothing has arrived
            if data:
                client.sendall(data)
            else:
                clients.remove(client)
                client.close()


if __name__ == "__main__":
    try:
        serve(socket.create_server(("127.0.0.1", 8007)))
    except KeyboardInterrupt:
        pass
