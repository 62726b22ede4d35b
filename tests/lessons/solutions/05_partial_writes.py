"""Exercise 5: while more than LIMIT bytes wait for a client, read nothing from it."""

import select

LIMIT = 100_000


def receive(client, queue):
    """Return whether the client may send more."""
    try:
        data = client.recv(65536)
    except BlockingIOError:
        return True
    except ConnectionError:
        queue.clear()
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
    readers = {listener}
    queues = {}  # for each client, the bytes that the kernel has not taken yet
    while True:
        writers = [client for client, queue in queues.items() if queue]
        full = {client for client, queue in queues.items() if len(queue) > LIMIT}
        readable, writable, _ = select.select(readers - full, writers, [])
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
            if not queues[client]:
                del queues[client]
                client.close()
