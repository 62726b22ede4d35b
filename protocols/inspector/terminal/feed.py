"""The documents of an inspector, for a view that changes, across losses of the connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from protocols.console.backoff import Backoff
from reactor import Reactor, Timer

from .client import InspectorClient, InspectorError, Watch
from .descriptors import View
from .documents import Document

LONGEST_DELAY: Final = 5.0  # seconds between two attempts to connect again


class Feed:
    """Keeps a stream of events open for the view that was asked for last.

    ``on_document(is_new)`` is called after each change of the document; ``is_new``: it is the first
    of a stream. ``on_refused(text)``: a view was refused, and the one before stays. ``on_lost()``:
    there is no connection, for the reason ``lost``; another attempt follows. ``on_failed(text)``:
    there never was one, or it makes no sense to try again.

    Read-only: ``hello`` and ``state``, the newest documents; ``received``, when they came, in
    seconds of our loop; ``lost``, "" while there is a connection; ``asked``, the view of the newest
    stream."""

    def __init__(self, reactor: Reactor, client: InspectorClient) -> None:
        self.on_document: Callable[[bool], object] = lambda is_new: None
        self.on_refused: Callable[[str], object] = lambda text: None
        self.on_lost: Callable[[], object] = lambda: None
        self.on_failed: Callable[[str], object] = lambda text: None
        self.hello: Document = {}
        self.state: Document = {}
        self.received = 0.0
        self.lost = ""
        self.asked: View | None = None
        self._reactor = reactor
        self._client = client
        self._view: View | None = None
        self._current: Watch | None = None  # whose documents these are
        self._next: Watch | None = None  # for another view, or after a loss
        self._backoff = Backoff(longest=LONGEST_DELAY)
        self._timer: Timer | None = None
        self._closed = False

    @property
    def is_connected(self) -> bool:
        """Whether the document is up to date."""
        return self._current is not None

    @property
    def is_settled(self) -> bool:
        """Whether no other view has been asked for."""
        return self._next is None and self._view == self.asked

    def ask(self, view: View, delay: float = 0.0) -> None:
        """Show ``view`` from now on. The stream is opened after ``delay`` seconds, because a key
        that is held down should not open one each time; without a connection, when there is one."""
        self._view = view
        if self.asked is None:
            self._open()
        elif self.is_connected:
            self._set_timer(delay)

    def close(self) -> None:
        """Close the connection. Nothing is called any more."""
        self._closed = True
        for watch in (self._current, self._next):
            if watch is not None:
                watch.close()
        if self._timer is not None:
            self._timer.cancel()

    def _set_timer(self, delay: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._reactor.call_later(delay, self._open)

    def _open(self) -> None:
        """Open a stream for the view. The one before stays until this one has a document."""
        self._timer = None
        if self._view is None or (self._view == self.asked and self.is_connected):
            return
        if self._next is not None:
            self._next.close()
        self.asked = self._view
        self._next = opened = self._client.watch(
            self._view.query(), self._changed, lambda error: self._ended(opened, error)
        )

    def _changed(self, watch: Watch) -> None:
        is_new = watch is self._next
        if is_new:
            if self._current is not None:
                self._current.close()
            self._current, self._next = watch, None
            self.lost = ""
            self._backoff.reset()
            if self._view != self.asked and self._timer is None:
                self._set_timer(0.0)  # the view has changed while there was no connection
        self.hello, self.state = watch.hello, watch.state
        self.received = self._reactor.time()
        self.on_document(is_new)

    def _ended(self, watch: Watch, error: InspectorError) -> None:
        if self._closed or self._reactor.is_stopping():
            return
        if watch is self._next:
            self._next = None
            if self._current is not None:  # only the new view has failed
                if error.temporary:  # there are too many viewers, for example
                    self.asked = None
                    self._set_timer(self._backoff.next_delay())
                self.on_refused(str(error))
                return
        elif watch is self._current:
            self._current = None
            if self._next is not None:
                return  # it will connect, or end as well
        if not error.temporary or not self.hello:
            self.on_failed(str(error))
            return
        delay = self._backoff.next_delay()
        self.lost = f"{error}; trying again in {delay:.1f} s"
        self._set_timer(delay)
        self.on_lost()
