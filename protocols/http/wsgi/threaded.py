"""An application that runs in a worker thread.

The thread never touches a connection: it hands over what is to be sent, and the loop sends it. A
response whose body is a list, or whose length is announced and reached, is handed over at once.
With others, up to ``MOST_WAITING`` bytes wait in memory to be sent, and what is more waits in a
temporary file. So the thread is free once the application is done, however slowly the client reads.
Only when there is no room for the file does the thread wait too; if the client reads too slowly,
the connection's limit on that ends it, and with it the wait.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterable
from typing import IO, TYPE_CHECKING, Any, Final

from ..errors import error_page
from .call import Call, ClientGone
from .filewrapper import FileWrapper
from .overflow import Overflow
from .sending import Outflow, fail, report, send_file, whole_response

if TYPE_CHECKING:
    from reactor import ThreadCall

    from ..request import Request
    from .gateway import Application
    from .supervision import Supervisor

logger = logging.getLogger(__name__)

MOST_WAITING: Final = 1 << 18  # bytes of a response in memory
# Seconds before the file is begun: a client that is no slower than the application needs none.
_PATIENCE: Final = 0.1
_REFILL: Final = 1 << 16  # bytes that the loop takes from the file at once
_REFILLS: Final = 8  # in one turn, for the sake of the other connections


class ThreadedCall(Call):
    """One call in a worker thread. Methods say which thread they run in."""

    # What the pool knows of it, until that is done: the two refer to each other.
    job: ThreadCall[Any] | None = None
    # For the supervisor's looks: pieces handed over so far, whether the thread waits for the
    # client, and what was seen when it looked last.
    progress = 0
    waits = False
    progress_seen = -1
    age = 0.0

    lost = False  # the client has gone, or gets no more
    _given_up = False  # the call was abandoned
    _result: Any = None
    _span: tuple[Any, int, int] | None = None  # of a file that is to be sent
    _room: threading.Condition | None = None  # made where a body is streamed
    _waiting = 0  # bytes that are not written yet
    _scheduled = False  # the loop will look at self.pieces
    _finished = False  # the thread is done
    _responded = False  # the whole response is with the loop
    _outflow: Outflow | None = None
    _overflow: Overflow | None = None  # what does not fit in memory; under the lock of _room

    def __init__(
        self,
        request: Request,
        body: IO[bytes],
        supervisor: Supervisor,
        app: Application,
        environ: dict[str, Any],
        debug: bool,
    ) -> None:
        super().__init__(request, body)
        self._supervisor = supervisor
        self._reactor = request.reactor
        self._app = app
        self._environ = environ
        self._debug = debug

    def begin(self) -> None:
        """In the loop: have a thread call the application. Raises as ``ThreadPool.submit``."""
        self.job = job = self._supervisor.submit(self, self._run)
        job.add_done_callback(self._done)
        self.request.on_lost(self._on_lost)

    # -- in the worker's thread --------------------------------------------------------------------

    def _run(self) -> None:
        try:
            if not self.lost:  # while it waited for a thread
                self._result = self._app(self._environ, self.start_response)
                self._consume(self._result)
        except ClientGone:
            logger.debug("%r: the client has gone", self)
        finally:
            if self._span is None or self._given_up:
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
        """Hand over a piece; wait while there is room for it neither in memory nor in a file.
        Raises ``ClientGone``."""
        self.progress += 1
        room = self._room
        if room is None:
            self.pieces = []
            room = self._room = threading.Condition(threading.Lock())
        patience: float | None = _PATIENCE
        with room:
            while not self.lost:
                # Once something is in the file, what follows must not get ahead of it.
                spooled = self._overflow is not None and not self._overflow.is_empty
                if self._waiting < MOST_WAITING and not spooled:
                    self.pieces.append(piece)
                    self._waiting += len(piece)
                    break
                if (spooled or patience is None) and self._spool(piece):
                    break
                self.waits = True
                if not room.wait(patience):
                    patience = None
                self.waits = False
                self.progress += 1
            else:
                raise ClientGone("the client has gone")
            scheduled, self._scheduled = self._scheduled, True
        if not scheduled:
            self._call_loop(self._pump)

    def _spool(self, piece: bytes) -> bool:
        if self._overflow is None:
            self._overflow = Overflow(self._supervisor.room)
        return self._overflow.write(piece)

    def _call_loop(self, method: Any) -> None:
        try:
            self._reactor.call_soon_threadsafe(method)
        except RuntimeError as exc:
            self.lost = True
            raise ClientGone("the reactor is closed") from exc

    # -- in the loop's thread ----------------------------------------------------------------------

    def _done(self, call: ThreadCall[None]) -> None:
        self._forget_job()
        exc = call.exception()
        try:
            if exc is not None and self._room is not None and self.left == 0:
                report(self, exc)  # but all that was announced is there
                exc = None
            if exc is not None:
                self._failed(exc)
            elif self._span is not None:
                self._responded = True
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
        try:
            self._start_and_write()
        except Exception as exc:  # the file cannot be read
            self._failed(exc)

    def _start_and_write(self) -> None:
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
        writer = outflow.writer
        for _ in range(_REFILLS):
            written = outflow.flush()
            with room:
                self._waiting -= written
                more = self._take_more() if outflow.is_empty else ()
                if written:
                    room.notify_all()
            if not more:
                break
            outflow.add(more)
        else:  # it takes whatever there is: go on in the next turn
            self._reactor.call_soon(self._pump)
            return
        writer.on_writable = None if outflow.is_empty else self._write
        if outflow.is_empty and self._finished:
            writer.end()

    def _take_more(self) -> Iterable[bytes]:
        """What is to be written next: from memory, as that is older, or from the file."""
        if self.pieces:
            pieces: Iterable[bytes] = self.pieces
            self.pieces = []
            return pieces
        overflow = self._overflow
        if overflow is None or overflow.is_empty:
            return ()
        data = overflow.read(_REFILL)
        self._waiting += len(data)
        return (data,)

    def _on_lost(self) -> None:
        self._let_go()
        job = self.job
        if job is None:
            return
        if not job.thread:
            job.cancel()
        if job.dropped:
            self._forget_job()
            self.close_body()

    def _forget_job(self) -> None:
        self.job = None
        self._supervisor.calls.discard(self)

    def _let_go(self) -> None:
        """The client gets no more: nothing is kept for it, and the thread need not wait."""
        self.lost = True
        room = self._room
        if room is not None:
            with room:
                if self._overflow is not None:
                    self._overflow.clear()
                room.notify_all()

    def give_up(self) -> None:
        """The call hangs in its thread, and was abandoned: tell the client."""
        self._given_up = True
        self._forget_job()
        self._let_go()
        if self._outflow is not None:
            self._outflow.writer.abort()
        elif not self._responded:
            self._refuse("The application took too long.")

    def refuse(self) -> None:
        """The call waits for a thread, and gets none: tell the client, if it is there."""
        self._refuse("The server is busy.")
        self._on_lost()

    def _refuse(self, detail: str) -> None:
        if not self.request.is_lost:
            self.request.respond(error_page(503, detail, (("Retry-After", "1"),)))

    def _failed(self, exc: BaseException) -> None:
        self._let_go()
        writer = self._outflow.writer if self._outflow is not None else None
        fail(self, exc, writer, self._debug)

    def _file_sent(self) -> None:
        try:
            # It may be any code of the application's, which expects to run in a thread.
            self.job = job = self._supervisor.submit(self, self._close)
        except (queue.Full, RuntimeError):
            self._close()
        else:
            job.add_done_callback(self._closed)

    def _close(self) -> None:
        self.finish(self._result)

    def _closed(self, call: ThreadCall[None]) -> None:
        self._forget_job()
