"""An application that runs in a worker thread.

The thread never touches a connection: it hands over what is to be sent, and the loop sends it. A
response whose body is a list, or whose length is announced and reached, is handed over at once, and
the thread is free, however slowly the client reads. With others, at most ``MOST_WAITING`` bytes
wait to be sent before the thread has to wait too; if the client reads too slowly, the connection's
limit on that ends it, and with it the wait.
"""

from __future__ import annotations

import logging
import queue
import threading
from typing import IO, TYPE_CHECKING, Any, Final

from .call import Call, ClientGone
from .filewrapper import FileWrapper
from .sending import Outflow, fail, report, send_file, whole_response

if TYPE_CHECKING:
    from reactor import ThreadCall
    from reactor.threads import ThreadPool

    from ..request import Request
    from .gateway import Application

logger = logging.getLogger(__name__)

MOST_WAITING: Final = 1 << 18


class ThreadedCall(Call):
    """One call in a worker thread. Methods say which thread they run in."""

    lost = False  # the client has gone
    _result: Any = None
    _span: tuple[Any, int, int] | None = None  # of a file that is to be sent
    _room: threading.Condition | None = None  # made where a body is streamed
    _waiting = 0  # bytes that are not written yet
    _scheduled = False  # the loop will look at self.pieces
    _finished = False  # the thread is done
    _responded = False  # the whole response is with the loop
    _outflow: Outflow | None = None

    def __init__(
        self,
        request: Request,
        body: IO[bytes],
        pool: ThreadPool,
        app: Application,
        environ: dict[str, Any],
        debug: bool,
    ) -> None:
        super().__init__(request, body)
        self._pool = pool
        self._reactor = request.reactor
        self._app = app
        self._environ = environ
        self._debug = debug

    def begin(self) -> None:
        """In the loop: have a thread call the application. Raises as ``ThreadPool.submit``."""
        self.request.on_lost(self._on_lost)
        self._pool.submit(self._run).add_done_callback(self._done)

    # -- in the worker's thread --------------------------------------------------------------------

    def _run(self) -> None:
        try:
            if not self.lost:  # while it waited for a thread
                self._result = self._app(self._environ, self.start_response)
                self._consume(self._result)
        except ClientGone:
            logger.debug("%r: the client has gone", self)
        finally:
            if self._span is None:
                self.finish(self._result)

    def _consume(self, result: Any) -> None:
        kind = type(result)
        if kind is list or kind is tuple:
            pieces = [self.accept(piece) for piece in result]
            head = self.checked_head()
            if self._room is None:
                self.pieces = pieces
            elif not self.is_bodiless:
                self.put(b"".join(pieces))
            return
        if isinstance(result, FileWrapper) and self._room is None:
            head = self.checked_head()
            self._span = result.span(head.length)
            if self._span is not None:
                return
        for piece in result:
            data = self.accept(piece)
            if self.is_bodiless:
                break
            if data:
                self._put_or_respond(data)
            if self.overrun:
                break
        self.checked_head()

    def _put_or_respond(self, data: bytes) -> None:
        if self.left == 0 and self._room is None:
            self.pieces = [data]
            self._responded = True
            self._call_loop(self._respond)
        else:
            self.put(data)

    @property
    def is_head_sent(self) -> bool:
        return self._room is not None or self._responded

    def put(self, piece: bytes) -> None:
        """Hand over a piece; wait while too many bytes wait. Raises ``ClientGone``."""
        room = self._room
        if room is None:
            self.pieces = []
            room = self._room = threading.Condition(threading.Lock())
        with room:
            while self._waiting >= MOST_WAITING and not self.lost:
                room.wait()
            if self.lost:
                raise ClientGone("the client has gone")
            self.pieces.append(piece)
            self._waiting += len(piece)
            scheduled, self._scheduled = self._scheduled, True
        if not scheduled:
            self._call_loop(self._pump)

    def _call_loop(self, method: Any) -> None:
        try:
            self._reactor.call_soon_threadsafe(method)
        except RuntimeError as exc:
            self.lost = True
            raise ClientGone("the reactor is closed") from exc

    # -- in the loop's thread ----------------------------------------------------------------------

    def _done(self, call: ThreadCall[None]) -> None:
        exc = call.exception()
        try:
            if exc is not None and self._room is not None and self.left == 0:
                report(self, exc)  # but all that was announced is there
                exc = None
            if exc is not None:
                self._failed(exc)
            elif self._span is not None:
                send_file(self.request, self.checked_head(), self._span, self._file_sent)
            elif self._room is not None:
                self._finished = True
                self._pump()
            elif not self._responded and not self.lost:
                self._respond()
        except Exception as exc:
            self._failed(exc)

    def _respond(self) -> None:
        pieces = self.pieces
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self._responded = True
        response = whole_response(self.request, self.checked_head(), body)
        if response is not None:
            self.request.respond(response)

    def _pump(self) -> None:
        """Write what the thread has handed over."""
        room = self._room
        assert room is not None
        with room:
            pieces, self.pieces = self.pieces, []
            self._scheduled = False
        if self.lost:
            return
        outflow = self._outflow
        if outflow is None:
            head = self.checked_head()
            writer = self.request.start(head.status, head.fields, head.length)
            outflow = self._outflow = Outflow(writer)
        outflow.add(pieces)
        self._write()

    def _write(self) -> None:
        """As much as the client takes. The thread has room again for as much."""
        outflow, room = self._outflow, self._room
        assert outflow is not None
        assert room is not None
        written = outflow.flush()
        with room:
            self._waiting -= written
            room.notify_all()
        writer = outflow.writer
        writer.on_writable = None if outflow.is_empty else self._write
        if outflow.is_empty and self._finished:
            writer.end()

    def _on_lost(self) -> None:
        self.lost = True
        room = self._room
        if room is not None:
            with room:
                room.notify_all()

    def _failed(self, exc: BaseException) -> None:
        writer = self._outflow.writer if self._outflow is not None else None
        fail(self, exc, writer, self._debug)

    def _file_sent(self) -> None:
        try:
            # It may be any code of the application's, which expects to run in a thread.
            self._pool.submit(self.finish, self._result)
        except (queue.Full, RuntimeError):
            self.finish(self._result)
