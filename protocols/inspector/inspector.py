"""Inspector: shows one reactor in a browser, from a thread with a second reactor."""

from __future__ import annotations

import atexit
import logging
import os
import socket
import threading
import weakref
from collections.abc import Callable
from importlib.resources import files
from typing import Any, Final, Self

from protocols.http import HTTPServer
from protocols.page import PageFiles
from protocols.tokens import check_token, make_token
from reactor import Listener, Reactor
from reactor.command import format_address
from reactor.sockets.addresses import LOOPBACK, Networks

from .access import Access
from .control import Control
from .polls import Polls
from .server import LIMITS, Routes
from .slices import Slices
from .state import State
from .viewers import Viewers
from .watchdog import Watchdog
from .watching import Watcher

logger = logging.getLogger(__name__)

DEFAULT_PORT: Final = 8990
WATCHDOG: Final = 0.1  # seconds
_CONNECTIONS: Final = 64  # at a time
_VANISHED: Final = 20_000  # milliseconds in which a client acknowledges nothing
_LOOK: Final = 0.5  # seconds between two looks whether the watched reactor is closed
_GRACE: Final = 0.5  # seconds for connections to finish
_JOIN: Final = 2.0  # seconds to wait for the thread

_inspected: weakref.WeakKeyDictionary[Reactor, Inspector] = weakref.WeakKeyDictionary()


def inspect(
    reactor: Reactor,
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    token: str | None = None,
    *,
    title: str = "reactor",
    watchdog: float = WATCHDOG,
) -> Inspector:
    """Show what ``reactor`` does at ``http://host:port/``, until it is closed, or ``close()``. Call
    it in the thread of ``reactor``, or before it runs.

    ``port``: 0 for any, see ``Inspector.url``. On an address other than loopback, everyone needs
    ``token``, which is in ``url``; None makes a random one. ``title``: what the page is called.
    ``watchdog``: seconds from which a turn counts as blocked.

    Raises ``OSError`` if the address cannot be used, ``RuntimeError`` if the reactor is closed or
    inspected already, ``ValueError`` for a token that is not valid."""
    return Inspector(reactor, host, port, token, title=title, watchdog=watchdog)


class Inspector:
    """What ``inspect`` returns. A context manager, which closes it.

    ``url``: of the page, with the token if it is needed. ``token``: what control needs, and on an
    address other than loopback reading as well."""

    def __init__(
        self,
        reactor: Reactor,
        host: str,
        port: int,
        token: str | None = None,
        *,
        title: str,
        watchdog: float,
    ) -> None:
        reactor.check_open()
        if other := _inspected.get(reactor):
            raise RuntimeError(f"this reactor is inspected already, at {other.url}")
        self.token = make_token() if token is None else check_token(token)
        self._watched = reactor
        self._closing = threading.Lock()
        self._closed = False
        self._watcher = Watcher()
        self._control = Control(reactor, self._watcher)
        self._watchdog = Watchdog(reactor, self._watcher, watchdog)
        self._slices = Slices()
        self._state = State(
            reactor,
            self._watcher,
            self._control,
            self._watchdog,
            title=title,
            breathe=self._slices.breathe,
        )
        self._reactor = Reactor(debug=False)
        self.url: str
        try:
            self._listener, self.url = self._listen(host, port)
        except BaseException:
            self._reactor.close()
            raise
        self._thread = threading.Thread(target=self._run, name="inspector", daemon=True)
        _inspected[reactor] = self
        self._in_watched_loop(lambda: reactor.add_observer(self._watcher))
        self._watchdog.start()
        atexit.register(self.close)
        self._thread.start()

    def _listen(self, host: str, port: int) -> tuple[Listener, str]:
        """Start to listen. Returns the URL too."""
        self._viewers = Viewers(
            self._reactor,
            self._state.document,
            self._hello,
            changed=self._control.viewers_changed,
            breathe=self._slices.breathe,
        )
        access = Access(self.token, needs_token=True)
        routes = Routes(
            state=self._state,
            control=self._control,
            watcher=self._watcher,
            viewers=self._viewers,
            polls=Polls(self._reactor),
            hello=self._hello,
            access=access,
            files=PageFiles(files(__package__) / "page"),
        )
        server = HTTPServer(routes.handle, limits=LIMITS)
        listener = self._reactor.listen_tcp(
            server,
            host,
            port,
            max_connections=_CONNECTIONS,
            max_connections_per_address=_CONNECTIONS // 2,
        )
        # A viewer whose machine is asleep or off the network would count as one for a quarter of an
        # hour, and keep the loop paused. Connections inherit this from the listening socket.
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
            for sock in listener.sockets:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _VANISHED)
        loopback = Networks(LOOPBACK)
        access.needs_token = not all(address[0] in loopback for address in listener.addresses)
        address = listener.addresses[0]
        query = f"?token={self.token}" if access.needs_token else ""
        return listener, f"http://{format_address(address[0], address[1])}/{query}"

    def _hello(self) -> dict[str, Any]:
        return {**self._state.hello(), "token": self.token}

    def close(self) -> None:
        """End the inspection: a paused loop resumes, viewers are disconnected. Has no effect if it
        has ended. It may be called from any thread."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        atexit.unregister(self.close)
        _inspected.pop(self._watched, None)
        self._control.close()
        self._watchdog.close()
        if not self._watched.is_closed():
            self._in_watched_loop(lambda: self._watched.remove_observer(self._watcher))
        if self._thread is threading.current_thread():
            self._stop()
            return
        try:
            self._reactor.call_soon_threadsafe(self._stop)
        except RuntimeError:  # its thread has failed
            pass
        self._thread.join(_JOIN)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _in_watched_loop(self, function: Callable[[], object]) -> None:
        """Call ``function()`` in the watched loop's thread: now, if the caller is in it and the
        loop does not run, else in its next turn."""
        if self._watched.is_running() or threading.current_thread() is self._thread:
            try:
                self._watched.call_soon_threadsafe(function)
            except RuntimeError as exc:  # it was closed just now: there are no more turns to watch
                logger.debug("the watched loop: %s", exc)
        else:
            function()

    # -- in the inspector's thread -----------------------------------------------------------------

    def _run(self) -> None:
        self._reactor.call_later(_LOOK, self._look)
        try:
            self._reactor.run()
        except BaseException:
            logger.exception("the inspector failed")
        finally:
            try:
                self._reactor.close()
            finally:
                self.close()

    def _look(self) -> None:
        if self._watched.is_closed():
            self.close()
        else:
            self._reactor.call_later(_LOOK, self._look)

    def _stop(self) -> None:
        self._viewers.close()
        self._reactor.stop(_GRACE)


def _forget_in_child() -> None:
    """After a fork, the child has no inspector: its thread exists in the parent only."""
    for inspector in list(_inspected.values()):
        inspector._closed = True
        atexit.unregister(inspector.close)
        for sock in inspector._listener.sockets:
            sock.close()
    _inspected.clear()


os.register_at_fork(after_in_child=_forget_in_child)
