"""A strict reader of responses. It shares no code with the server."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_HEAD = re.compile(rb"HTTP/1\.1 ([1-9][0-9]{2}) ([ -~]*)\r\n((?:[^\r\n]+\r\n)*)\r\n")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ((?:[!-~\x80-\xff](?:[\t !-~\x80-\xff]*)?)?)")


@dataclass(frozen=True)
class Answer:
    status: int
    fields: dict[str, str]
    body: bytes

    @property
    def closes(self) -> bool:
        return self.fields.get("connection") == "close"


def read_responses(data: bytes, methods: Iterable[str] = ()) -> list[Answer]:
    """The responses in ``data``, which must all be complete.

    ``methods`` are the methods of the requests, in order; further requests count as GET. Raises
    ``ValueError`` for what RFC 9112 does not allow a server to send, and for repeated fields that
    would make a response ambiguous."""
    remaining = list(methods)
    answers = []
    while data:
        match = _HEAD.match(data)
        if match is None:
            raise ValueError(f"not the head of a response: {data[:200]!r}")
        status = int(match[1])
        fields: dict[str, str] = {}
        for line in match[3].split(b"\r\n")[:-1]:
            field = _FIELD.fullmatch(line)
            if field is None:
                raise ValueError(f"not a field: {line!r}")
            name = field[1].decode().lower()
            if name in fields and name != "set-cookie":
                raise ValueError(f"{name} twice")
            fields[name] = field[2].decode("latin-1")
        data = data[match.end() :]
        method = remaining.pop(0) if remaining and status >= 200 else "GET"
        body, data = _read_body(status, method, fields, data)
        answers.append(Answer(status, fields, body))
    return answers


def _read_body(
    status: int, method: str, fields: dict[str, str], data: bytes
) -> tuple[bytes, bytes]:
    if status < 200 or status == 204:
        if not fields.keys().isdisjoint({"content-length", "transfer-encoding"}):
            raise ValueError(f"{status} with a length")
        return b"", data
    if method == "HEAD" or status == 304:
        return b"", data
    if "transfer-encoding" in fields:
        if "content-length" in fields or fields["transfer-encoding"] != "chunked":
            raise ValueError(f"ambiguous: {fields}")
        return _read_chunks(data)
    if "content-length" not in fields:
        if fields.get("connection") != "close":
            raise ValueError(f"a body without end: {fields}")
        return data, b""
    if not re.fullmatch("0|[1-9][0-9]*", fields["content-length"]):
        raise ValueError(f"not a length: {fields}")
    length = int(fields["content-length"])
    if len(data) < length:
        raise ValueError(f"{len(data)} bytes of {length}")
    return data[:length], data[length:]


def _read_chunks(data: bytes) -> tuple[bytes, bytes]:
    body = b""
    while True:
        match = re.match(rb"([0-9a-f]+)\r\n", data)
        if match is None:
            raise ValueError(f"not a chunk: {data[:40]!r}")
        size = int(match[1], 16)
        chunk, end, data = (
            data[match.end() : match.end() + size],
            data[match.end() + size : match.end() + size + 2],
            data[match.end() + size + 2 :],
        )
        if end != b"\r\n" or len(chunk) != size:
            raise ValueError(f"not the end of a chunk: {end!r}")
        if not size:
            return body, data
        body += chunk
