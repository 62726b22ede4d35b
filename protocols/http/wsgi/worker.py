"""WorkerCall: the part of a call that runs in a worker thread. The loop's part is in threaded.py.

The thread never uses a connection: it passes data to the loop, which sends it. A response whose
body is a list is passed on when the application returns; one with an announced length, with the
piece that completes it, before the application cleans up. Any other body goes through a
``StreamBuffer``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Protocol

from .call import Application, Call
from .filewrapper import FileSpan, FileWrapper
from .overflow import SpoolBudget
from .streambuffer import ClientGone, StreamBuffer

logger = logging.getLogger(__name__)


class LoopSide(Protocol):
    """The loop's part, as a worker sees it. The thread never calls these methods itself: it
    schedules them in the loop."""

    @property
    def budget(self) -> SpoolBudget:
        """Of all streamed responses."""

    def send_whole(self) -> None:
        """Send the response, which is complete: ``head`` and ``pieces``."""

    def send_stream(self) -> None:
        """Send what is in ``stream``."""


class WorkerCall(Call):
    """One call of an application, as its thread sees it.

    Both threads use it without a lock, because each attribute has only one writer:

    ======================================  ==========  ============================================
    attribute                               written by  read by the other
    ======================================  ==========  ============================================
    ``stream``, ``is_handed_over``          the thread  at any time: each changes only once
    ``head``, ``pieces``                    the thread  after ``send_whole`` or ``send_stream`` was
                                                        asked for, or when the thread has ended
    ``left``, ``file_span``, ``result``     the thread  when the thread has ended
    ``is_client_gone``                      the loop    at any time: it changes only once
    ``is_abandoned``                        the loop    before the thread ends
    ======================================  ==========  ============================================

    The loop sets ``is_client_gone``, then closes the stream if there is one. The thread makes the
    stream, then looks at ``is_client_gone``. In either order, the thread notices that the client
    has left."""

    stream: StreamBuffer | None = None  # made when the first piece of a streamed body is there
    is_handed_over = False  # the whole response, while the application still runs
    file_span: FileSpan | None = None  # what to send of a file
    result: Any = None  # what the application returned

    is_client_gone = False  # or it gets no more; the thread sets it too if the reactor is closed
    is_abandoned = False

    _loop_side: LoopSide | None = None  # only during run(): the two would refer to each other

    def run(self, loop_side: LoopSide, app: Application, environ: dict[str, Any]) -> None:
        """Call the application, and pass its response to the loop. Raises what the application
        raises."""
        self._loop_side = loop_side
        try:
            if not self.is_client_gone:  # while the call waited for a thread
                self.result = app(environ, self.start_response)
                self._consume(self.result)
        except ClientGone:
            logger.debug("%r: the client has left", self)
        finally:
            # A file is closed when it is sent. The loop does not send the file of an abandoned
            # call.
            if self.file_span is None or self.is_abandoned:
                self.finish(self.result)
            self._loop_side = None

    def _consume(self, result: Any) -> None:
        if type(result) in (list, tuple):
            pieces = list(map(self.accept, result))
            self.checked_head()
            if self.stream is None:
                self.pieces = pieces
            elif not self.is_bodiless:
                self.put(b"".join(pieces))
            return
        if isinstance(result, FileWrapper) and self.stream is None:
            self.file_span = result.span(self.checked_head().length)
            if self.file_span is not None:
                return
        for piece in result:
            data = self.accept(piece)
            if self.is_bodiless:
                break
            if data and self.left == 0 and self.stream is None:
                self._hand_over(data)
            elif data:
                self.put(data)
            if self.overrun:
                break
        self.checked_head()

    def _hand_over(self, body: bytes) -> None:
        """The response is complete with ``body``, its only piece."""
        self.pieces = [body]
        self.is_handed_over = True
        loop_side = self._loop_side
        assert loop_side is not None
        self._call_loop(loop_side.send_whole)

    @property
    def is_head_sent(self) -> bool:
        return self.stream is not None or self.is_handed_over

    def put(self, piece: bytes) -> None:
        """Pass a piece to the loop; wait while there is no space for it. Raises ``ClientGone``."""
        loop_side = self._loop_side
        if loop_side is None:
            raise ClientGone("the call has ended")
        stream = self.stream
        if stream is None:
            stream = self.stream = StreamBuffer(loop_side.budget)
        if self.is_client_gone:
            raise ClientGone("the client has left")
        if stream.put(piece):
            self._call_loop(loop_side.send_stream)

    def _call_loop(self, method: Callable[[], object]) -> None:
        try:
            self.request.reactor.call_soon_threadsafe(method)
        except RuntimeError as exc:
            self.is_client_gone = True
            raise ClientGone("the reactor is closed") from exc

    def close_file(self) -> None:
        """The file is sent: close it. Closing may run code of the application, which expects to run
        in a thread."""
        self.finish(self.result)

    # -- in the loop's thread ----------------------------------------------------------------------

    def stop_writing(self) -> None:
        """The client gets no more: discard what is kept for it, and do not let the thread wait."""
        self.is_client_gone = True
        if self.stream is not None:
            self.stream.close()
