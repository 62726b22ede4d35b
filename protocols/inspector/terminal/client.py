"""Asks an inspector: its stream of events, its snapshot, its control and its recordings."""

from __future__ import annotations

import argparse
import json
import re
import ssl
from collections.abc import Callable
from typing import Any, BinaryIO, Final, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

from protocols.text import clean_text
from reactor import Reactor
from reactor.command import Application, format_address, reason

from ..patches import apply
from .documents import Document, as_number
from .events import EventParser
from .exchange import Exchange, NotHTTP

VERSION: Final = 1  # of the documents
MAX_DOCUMENT: Final = 8 << 20  # bytes
_MAX_MESSAGE: Final = 4096  # bytes of an error's text
_CHECK_SIZE_EVERY: Final = 600  # patches, which is once a minute


class InspectorError(Exception):
    """The inspector cannot be asked; the text is one line for the user. ``temporary``: whether it
    makes sense to try again."""

    def __init__(self, message: str, *, temporary: bool = False) -> None:
        super().__init__(message)
        self.temporary = temporary


class Address(NamedTuple):
    """Where an inspector listens. ``secure``: the address began with ``https``."""

    host: str
    port: int
    token: str = ""
    secure: bool = False


def inspector_address(text: str) -> Address:
    """``host:port``, or the URL that the watched program has announced, as an option's type."""
    if "/" not in text:
        return Address(*Application.address(text))
    try:
        url = urlsplit(text if "://" in text else f"http://{text}")
        port = url.port or {"http": 80, "https": 443}[url.scheme]
        query = parse_qs(url.query, strict_parsing=True) if url.query else {}
    except (KeyError, ValueError):
        url, port, query = urlsplit(""), 0, {}
    if not url.hostname or url.username is not None or url.path not in ("", "/"):
        raise argparse.ArgumentTypeError(
            f"expected HOST:PORT or http://HOST:PORT/?token=TOKEN, not {text!r}"
        )
    token = query.get("token", [""])[-1]
    return Address(url.hostname, port, valid_token(token) if token else "", url.scheme == "https")


def valid_token(text: str) -> str:
    """A token as an option's type: visible ASCII, because it is sent in a header field."""
    if not re.fullmatch(r"[!-~]{1,200}", text):
        raise argparse.ArgumentTypeError("a token has 1 to 200 visible ASCII characters")
    return text


class InspectorClient:
    """Makes the requests. ``tls``: a client's context, or None."""

    def __init__(
        self, reactor: Reactor, address: Address, token: str | None, tls: ssl.SSLContext | None
    ) -> None:
        self._reactor = reactor
        self._address = address
        self._token = token or address.token
        self._tls = tls or (ssl.create_default_context() if address.secure else None)
        self.name = format_address(address.host, address.port)

    def watch(
        self,
        query: dict[str, str],
        on_change: Callable[[Watch], object],
        on_lost: Callable[[InspectorError], object],
    ) -> Watch:
        """Open the stream of events. ``query``: which descriptors to describe. Calls
        ``on_change(watch)`` after each change of the document, and ``on_lost(error)`` at the end.
        """
        watch = Watch(self.name, on_change, on_lost)
        watch.exchange = self._send("GET", f"/events?{urlencode(query)}", watch)
        return watch

    def fetch_document(
        self,
        query: dict[str, str],
        on_end: Callable[[Document | None, InspectorError | None], object],
    ) -> Exchange:
        """Get one snapshot. Calls ``on_end(document, None)`` or ``on_end(None, error)``."""

        def ended(body: bytes, error: InspectorError | None) -> None:
            if error is not None:
                on_end(None, error)
                return
            document = _parse(body)
            if document is None or not isinstance(document.get("hello"), dict):
                on_end(None, InspectorError(f"{self.name} is not an inspector"))
            else:
                on_end(document, None)

        collector = Collector(self.name, "application/json", ended)
        return self._send("GET", f"/loop.json?{urlencode(query)}", collector)

    def control(
        self,
        action: Document,
        control_token: str,
        on_end: Callable[[InspectorError | None], object],
    ) -> Exchange:
        """Perform an action. ``control_token``: the one in ``hello``."""
        # It becomes a header field.
        sent_token = control_token if re.fullmatch(r"[!-~]{1,200}", control_token) else ""
        return self._send(
            "POST",
            "/control",
            Collector(self.name, "", lambda body, error: on_end(error)),
            json.dumps(action).encode(),
            ("Content-Type: application/json", f"X-Inspector-Token: {sent_token}"),
        )

    def save_recording(
        self, file: BinaryIO, on_end: Callable[[int, InspectorError | None], object]
    ) -> Exchange:
        """Write the newest recording to ``file``. Calls ``on_end(size, error)``; ``size`` is in
        bytes."""
        return self._send("GET", "/recording", Download(self.name, file, on_end))

    def _send(
        self,
        method: str,
        target: str,
        receiver: Watch | Collector | Download,
        body: bytes = b"",
        fields: tuple[str, ...] = (),
    ) -> Exchange:
        host = self._address.host.partition("%")[0]  # without the scope of an IPv6 address
        lines = [
            f"{method} {target} HTTP/1.1",
            f"Host: {format_address(host, self._address.port)}",
            "Connection: close",
            *fields,
        ]
        if self._token:
            lines.append(f"Authorization: Bearer {self._token}")
        if body:
            lines.append(f"Content-Length: {len(body)}")
        request = "\r\n".join([*lines, "", ""]).encode("utf-8", "replace") + body
        return Exchange(
            self._reactor, self._address.host, self._address.port, request, receiver, tls=self._tls
        )


# -- responses -------------------------------------------------------------------------------------


class Refusable:
    """A response that may be an error, with one line of text. The base class of the others.

    ``content_type``: what the response must have, "" for anything."""

    def __init__(self, name: str, content_type: str) -> None:
        self._name = name
        self._expected_type = content_type
        self._status = 0
        self._accepted = False
        self._message = b""

    def head_received(self, status: int, content_type: str) -> None:
        self._status = status
        self._accepted = status in (200, 204) and self._expected_type in ("", content_type)

    def body_received(self, data: bytes) -> None:
        if self._accepted:
            self.accept(data)
        else:
            self._message = (self._message + data)[:_MAX_MESSAGE]

    def ended(self, exc: BaseException | None) -> None:
        if self._status and not self._accepted:
            self.finish(self._refusal())
        elif exc is None:
            self.finish(None)
        elif isinstance(exc, NotHTTP):
            self.finish(InspectorError(f"{self._name} is not an inspector"))
        elif self._accepted:
            message = f"the connection to {self._name} is lost: {reason(exc)}"
            self.finish(InspectorError(message, temporary=True))
        else:
            message = f"cannot connect to {self._name}: {reason(exc)}"
            self.finish(InspectorError(message, temporary=True))

    def accept(self, data: bytes) -> None:
        """A piece of the body, which is as expected."""
        raise NotImplementedError

    def finish(self, error: InspectorError | None) -> None:
        """The response is complete, or ``error`` says why not."""
        raise NotImplementedError

    def _refusal(self) -> InspectorError:
        message = clean_text(self._message.decode("utf-8", "replace").strip())
        if self._status in (401, 403):
            hint = "; give the watched program's --inspect-token with --token"
            return InspectorError(f"{self._name} refuses: {message or self._status}{hint}")
        if self._status in (400, 404, 409) and self._expected_type == "":
            return InspectorError(message or f"{self._name} answers {self._status}")
        if self._status == 400:
            return InspectorError(f"{self._name} refuses: {message or self._status}")
        if self._status in (502, 503, 504):
            return InspectorError(f"{self._name}: {message or 'too many viewers'}", temporary=True)
        if self._status >= 500:
            return InspectorError(f"{self._name} answers {self._status}", temporary=True)
        return InspectorError(f"{self._name} is not an inspector")


class Collector(Refusable):
    """Collects a short response, and calls ``on_end(body, error)``."""

    def __init__(
        self,
        name: str,
        content_type: str,
        on_end: Callable[[bytes, InspectorError | None], object],
    ) -> None:
        super().__init__(name, content_type)
        self._on_end = on_end
        self._body = bytearray()

    def accept(self, data: bytes) -> None:
        if len(self._body) <= MAX_DOCUMENT:
            self._body += data

    def finish(self, error: InspectorError | None) -> None:
        if error is None and len(self._body) > MAX_DOCUMENT:
            error = InspectorError(f"{self._name} sends too much: over {MAX_DOCUMENT >> 20} MiB")
        self._on_end(bytes(self._body), error)


class Download(Refusable):
    """Writes a response to ``file``, and calls ``on_end(size, error)``."""

    def __init__(
        self, name: str, file: BinaryIO, on_end: Callable[[int, InspectorError | None], object]
    ) -> None:
        super().__init__(name, "")
        self._file = file
        self._on_end = on_end
        self._size = 0
        self._failed: OSError | None = None

    def accept(self, data: bytes) -> None:
        if self._failed is None:
            try:
                self._file.write(data)
                self._size += len(data)
            except OSError as exc:  # the disk is full
                self._failed = exc

    def finish(self, error: InspectorError | None) -> None:
        try:
            self._file.close()
        except OSError as exc:
            self._failed = self._failed or exc
        if self._failed is not None:
            error = InspectorError(f"cannot write the recording: {reason(self._failed)}")
        self._on_end(self._size, error)


class Watch(Refusable):
    """The stream of events. ``hello`` and ``state`` are the documents so far, empty at first."""

    def __init__(
        self,
        name: str,
        on_change: Callable[[Watch], object],
        on_lost: Callable[[InspectorError], object],
    ) -> None:
        super().__init__(name, "text/event-stream")
        self.hello: Document = {}
        self.state: Document = {}
        self.exchange: Exchange | None = None
        self._on_change = on_change
        self._on_lost = on_lost
        self._parser = EventParser()
        self._patches = 0

    def close(self) -> None:
        """Close the stream. Nothing more is called."""
        if self.exchange is not None:
            self.exchange.close()

    def accept(self, data: bytes) -> None:
        before = self._patches
        try:
            for event in self._parser.feed(data):
                self._apply(event.kind, event.data)
        except (ValueError, RecursionError) as exc:  # the latter: JSON that is nested very deeply
            self.close()
            self.finish(InspectorError(f"{self._name} is not an inspector: {exc}"))
            return
        if self._patches != before and self.state:
            self._on_change(self)

    def finish(self, error: InspectorError | None) -> None:
        self._on_lost(
            error or InspectorError(f"{self._name} has closed the stream of events", temporary=True)
        )

    def _apply(self, kind: str, data: str) -> None:
        if kind not in ("hello", "state", "patch"):
            return
        document = json.loads(data)
        if not isinstance(document, dict):
            raise ValueError("an event is not a JSON object")
        if kind == "hello":
            version = as_number(document.get("version"))
            if version != VERSION:
                raise ValueError(f"it speaks version {version}, this program version {VERSION}")
            self.hello = document
            return
        if not self.hello:
            raise ValueError("the first event is not hello")
        if kind == "state":
            self.state = document
        else:
            self.state = apply(self.state, document)
        self._patches += 1
        if self._patches % _CHECK_SIZE_EVERY == 0 and len(json.dumps(self.state)) > MAX_DOCUMENT:
            raise ValueError("its document has become too large")


def _parse(body: bytes) -> Document | None:
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
