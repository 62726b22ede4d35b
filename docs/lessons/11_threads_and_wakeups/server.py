"""Lesson 11: a server that looks up the addresses of hosts. Threads wait for what the loop cannot
wait for, and wake it when they have an answer."""

import collections
import queue
import select
import socket
import threading
import time

THREADS = 4


def look_up(name):
    if name.startswith("slow-"):
        time.sleep(1)  # like a name server that is far away
    try:
        address = socket.gethostbyname(name.removeprefix("slow-"))
    except OSError:
        address = "unknown"
    return f"{name} {address}"


def work(questions, answers, waker):
    while True:
        client, name = questions.get()
        answers.append((client, look_up(name)))
        try:
            waker.send(b"\0")
        except BlockingIOError:
            pass  # full: so the loop wakes up in any case


def serve(listener):
    print("listening on port", listener.getsockname()[1])
    questions, answers = queue.SimpleQueue(), collections.deque()
    wakeup, waker = socket.socketpair()
    wakeup.setblocking(False)
    waker.setblocking(False)
    for _ in range(THREADS):
        args = [questions, answers, waker]
        threading.Thread(target=work, args=args, daemon=True).start()
    sockets = [listener, wakeup]
    while True:
        ready, _, _ = select.select(sockets, [], [])
        for sock in ready:
            if sock is listener:
                client, _ = listener.accept()
                sockets.append(client)
            elif sock is wakeup:
                wakeup.recv(4096)
            elif data := sock.recv(1024):
                for name in data.decode(errors="replace").split():
                    questions.put((sock, name))
            else:
                sockets.remove(sock)
                sock.close()
        while answers:
            client, answer = answers.popleft()
            if client in sockets:  # it may have left
                client.sendall(answer.encode() + b"\n")


if __name__ == "__main__":
    try:
        serve(socket.create_server(("127.0.0.1", 8007)))
    except KeyboardInterrupt:
        pass
