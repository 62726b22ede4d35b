"""Lesson 6: the echo server of lesson 5 with epoll. The kernel keeps the list of sockets."""

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
    epoll = select.epoll()
    epoll.register(listener, select.EPOLLIN)
    clients = {}  # for each descriptor, the socket and its queue
    interests = {}  # for each of them, what epoll watches for
    while True:
        for fd, events in epoll.poll():
            if fd == listener.fileno():
                client, _ = listener.accept()
                client.setblocking(False)
                clients[client.fileno()] = client, bytearray()
                interests[client.fileno()] = select.EPOLLIN
                epoll.register(client, select.EPOLLIN)
                continue
            client, queue = clients[fd]
            interest = interests[fd] & select.EPOLLIN
            if events & select.EPOLLIN and not receive(client, queue):
                interest = 0
            if queue:
                send(client, queue)
            if queue:  # there was no room for all of it
                interest |= select.EPOLLOUT
            if interest == 0:  # it sends no more, and has got everything
                epoll.unregister(fd)
                del clients[fd], interests[fd]
                client.close()
            elif interest != interests[fd]:
                epoll.modify(fd, interest)
                interests[fd] = interest


if __name__ == "__main__":
    try:
        serve(socket.create_server(("127.0.0.1", 8007)))
    except KeyboardInterrupt:
        pass
