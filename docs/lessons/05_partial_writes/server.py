"""Lesson 5: an echo server that does not wait for a client that does not read."""

import select
import socket


def receive(client, queue):
    """Return whether the client may send more."""
    try:
        data = client.recv(65536)
    except BlockingIOError:
        return True  # the report was wrong, which happens
    except ConnectionError:
        queue.clear()  # the client is gone: nobody will take this
        return False
    queue += data
    return data != b""


def send(client, queue):
    """Send as much of the queue as the kernel takes now."""
    try:
        sent = client.send(queue)
    except BlockingIOError:
        return
    except ConnectionError:
        queue.clear()
        return
    del queue[:sent]


def serve(listener):
    print("listening on port", listener.getsockname()[1])
    readers = {listener}
    queues = {}  # for each client, the bytes that the kernel has not taken yet
    while True:
        writers = [client for client, queue in queues.items() if queue]
        readable, writable, _ = select.select(readers, writers, [])
        for sock in readable:
            if sock is listener:
                client, _ = listener.accept()
                client.setblocking(False)
                readers.add(client)
                queues[client] = bytearray()
            elif not receive(sock, queues[sock]):
                readers.remove(sock)
        for client in writable:
            send(client, queues[client])
        for client in queues.keys() - readers:
            if not queues[client]:  # it sends no more, and has got everything
                del queues[client]
                client.close()


if __name__ == "__main__":
    try:
        serve(socket.create_server(("127.0.0.1", 8007)))
    except KeyboardInterrupt:
        pass
