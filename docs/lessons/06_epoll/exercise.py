"""Exercise 6: this server is edge-triggered, and it loses clients and what they say. Repair it, and
keep EPOLLET: each socket is registered once and for all."""

import select

EVENTS = select.EPOLLIN | select.EPOLLOUT | select.EPOLLET


def receive(client, queue):
    """Return whether the client may send more."""
    try:
        data = client.recv(1024)
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
    listener.setblocking(False)
    epoll = select.epoll()
    epoll.register(listener, EVENTS)
    clients = {}  # for each descriptor, the socket and its queue
    while True:
        for fd, _ in epoll.poll():
            if fd == listener.fileno():
                client, _ = listener.accept()
                client.setblocking(False)
                clients[client.fileno()] = client, bytearray()
                epoll.register(client, EVENTS)
                continue
            client, queue = clients[fd]
            more = receive(client, queue)
            send(client, queue)
            if not more and not queue:
                epoll.unregister(fd)
                del clients[fd]
                client.close()
