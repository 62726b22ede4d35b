"""Runs a program and writes down which of its layers calls what, for a drawing: ``watch.py`` uses
it for lessons whose ``picture.toml`` has ``[layers]``.

    python docs/lessons/tools/layers.py PICTURE LOG PROGRAM

Each call becomes a line of JSON in LOG when it has ended."""

import json
import runpy
import socket
import sys
import time
import tomllib
from pathlib import Path


def recv(sock, size):
    return SYSTEM_CALLS["recv"](sock, size)


def send(sock, data):
    return SYSTEM_CALLS["send"](sock, data)


# Written in C, and so without a frame that could be watched.
SYSTEM_CALLS = {"recv": socket.socket.recv, "send": socket.socket.send}


def main(picture, log, program):
    layers = tomllib.loads(Path(picture).read_text(encoding="utf-8"))["layers"]
    layer_of = {name: layer for layer, names in layers.items() for name in names}
    socket.socket.recv, socket.socket.send = recv, send
    calls = []  # that have begun
    with open(log, "w", encoding="utf-8", buffering=1) as file:

        def watch(frame, event, result):
            layer = layer_of.get(frame.f_code.co_qualname)
            if layer is None:
                return
            if event == "call":
                calls.append((time.time(), data_of(frame.f_locals.values())))
            elif event == "return":
                began, data = calls.pop()
                call = {
                    "layer": layer,
                    "name": frame.f_code.co_name,
                    "fd": None,
                    "text": data or data_of([result]),
                    "result": "",
                    "ready": ready(result) if isinstance(result, list) else [],
                    "at": began,
                    "took": time.time() - began,
                }
                file.write(json.dumps(call) + "\n")

        sys.path.insert(0, str(Path(program).parent))
        sys.setprofile(watch)
        runpy.run_path(program, run_name="__main__")


def data_of(values):
    """The first bytes among the values, as text."""
    data = next((value for value in values if isinstance(value, bytes | bytearray)), b"")
    return data.decode().removesuffix("\n")


def ready(events):
    """The descriptors among what ``select`` has returned."""
    return [key.fd for key, _ in events]


if __name__ == "__main__":
    main(*sys.argv[1:])
