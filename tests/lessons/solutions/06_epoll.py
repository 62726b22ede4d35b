"""Exercise 6: an edge-triggered server. It does everything until there is nothing left to do."""

import select

EVENTS = select.EPOLLIN | select.EPOLLOUT | select.EPOLLET


def receive(client, queue):
    """Read all that has arrived. Return whether the client may send more."""
    try:
        while data := client.recv(1024):
            queue += data
    except BlockingIOError:
        return True
    except ConnectionError:
        queue.clear()
    return False


def send(client, queue):
    """Send as much of the queue as the kernel takes now.

    One ``send`` would be enough. If it takes only a part, the buffer is full, and epoll will report
    when there is room: see epoll(7), "Possible pitfalls and ways to avoid them"."""
    try:
        while queue:
            del queue[: client.send(queue)]
    except BlockingIOError:
        pass
    except ConnectionError:
        queue.clear()


def accept(listener):
    """Accept all clients who wait."""
    try:
        while True:
            client, _ = listener.accept()
            client.setblocking(False)
            yield client
    except BlockingIOError:
        pass


def serve(listener):
    listener.setblocking(False)
    epoll = select.epoll()
    epoll.register(listener, EVENTS)
    clients = {}  # for each descriptor, the socket and its queue
    while True:
        for fd, _ in epoll.poll():
            if fd == listener.fileno():
                for client in accept(listener):
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
