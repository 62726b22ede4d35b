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
    ``left``, ``result``                    the thread  when the thread has ended
    ``file_span``                           the thread  when the thread has ended or was abandoned
    ``is_client_gone``                      the loop    at any time: it changes only once
    ``is_abandoned``                        the loop    before the thread ends
    ======================================  ==========  ============================================

    The loop sets ``is_client_gone``, then closes the stream if there is one. The thread makes the
    stream, then looks at ``is_client_gone``. In whatever order that happens, the thread learns that
    the client has gone.

    A file is closed when it is sent. The loop does not send that of an abandoned call. The thread
    sets ``file_span``, then looks at ``is_abandoned``; the loop sets ``is_abandoned``, then looks
    at ``file_span``. So at least one of them calls ``close_file``, which closes it only once."""

    stream: StreamBuffer | None = None  # made when the first piece of a streamed body is there
    is_handed_over = False  # the whole response, while the application still runs
    file_span: FileSpan | None = None  # what to send of a file
    result: Any = None  # what the application returned
    # The result, if it is a file that is still open. Two threads may close it: pop() decides.
    _open_files: list[Any]

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
            if self.file_span is None:
                self.finish(self.result)
            elif self.is_abandoned:
                self.close_file()
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
            span = result.span(self.checked_head().length)
            if span is not None:
                self._open_files = [result]
                self.file_span = span
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
        """The file is sent, or will not be sent: close it, unless that was done already. ``close``
        may be any code of the application, which expects to run in a thread."""
        try:
            result = self._open_files.pop()
        except IndexError:
            return
        self.finish(result)

    # -- in the loop's thread ----------------------------------------------------------------------

    def discard(self) -> None:
        """No thread runs the call, or closes its file any more: close what is open."""
        if self.file_span is None:
            self.close_body()
        else:
            self.close_file()

    def stop_writing(self) -> None:
        """The client gets no more: discard what is kept for it, and do not let the thread wait."""
        self.is_client_gone = True
        if self.stream is not None:
            self.stream.close()
