"""The least that a download can cost: one client at a time, blocking, and ``sendfile`` with all
that is left of the file. So nearly all of its CPU time is the system's for copying. It knows just
the commands of the benchmark, and checks nothing. Usage: ftp_sendfile FOLDER PORT"""

import os
import socket
import sys
from contextlib import suppress


def serve(control: socket.socket, folder: str) -> None:
    control.sendall(b"220 Ready\r\n")
    listening = None
    for line in control.makefile("rb"):
        command, _, argument = line.decode().strip().partition(" ")
        if command == "EPSV":
            listening = socket.create_server(("127.0.0.1", 0))
            control.sendall(b"229 (|||%d|)\r\n" % listening.getsockname()[1])
        elif command == "RETR" and listening is not None:
            with listening, listening.accept()[0] as data:
                control.sendall(b"150 Sending\r\n")
                send(data, os.path.join(folder, argument))
            control.sendall(b"226 Sent\r\n")
        else:
            control.sendall(b"200 OK\r\n")


def send(data: socket.socket, path: str) -> None:
    with open(path, "rb") as file:
        size, sent = os.fstat(file.fileno()).st_size, 0
        while sent < size:
            sent += os.sendfile(data.fileno(), file.fileno(), sent, size - sent)


with socket.create_server(("127.0.0.1", int(sys.argv[2]))) as listener:
    while True:
        with listener.accept()[0] as client, suppress(ConnectionError):
            serve(client, sys.argv[1])
