"""ThreadedCall: the loop's part of a call that runs in a worker thread.

All of this file runs in the loop. What runs in the thread is in worker.py. The pieces of a streamed
body pass from one to the other through streambuffer.py."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Any, Final

from ..errors import error_page
from .call import Application
from .input import Spool
from .overflow import SpoolBudget
from .sending import Outflow, fail, report, send_file, whole_response
from .supervision import Supervisor
from .worker import WorkerCall

if TYPE_CHECKING:
    from reactor import ThreadCall

    from ..request import Request

_REFILLS: Final = 8  # in one turn, so that other connections get their share

# The states of a response, as the loop sees it.
CALLING: Final = "calling"  # the call waits for a thread, or runs: there is no response yet
STREAMING: Final = "streaming"  # the head is sent, and the thread produces the body
DRAINING: Final = "draining"  # the thread has ended, and the rest of the body is being sent
ANSWERED: Final = "answered"  # the HTTP server has all of it
GONE: Final = "gone"  # the client has left, or gets no more

# From each state, the states that may follow, and what leads there.
TRANSITIONS: Final[dict[str, dict[str, str]]] = {
    CALLING: {
        STREAMING: "the first piece is there",
        ANSWERED: "the response is whole, or a file",
        GONE: "the client left, the call was refused or given up, the application failed",
    },
    STREAMING: {
        DRAINING: "the thread ended",
        GONE: "the client left, the call was given up, the application failed",
    },
    DRAINING: {
        ANSWERED: "the last byte is written",
        GONE: "the client left, the temporary file cannot be read",
    },
    ANSWERED: {GONE: "the response cannot be sent, the application failed after its end"},
    GONE: {},
}


class ThreadedCall:
    """One call in a worker thread, as the loop sees it.

    ``job``: the function that the pool runs for this call; None once it has ended, as the two refer
    to each other."""

    job: ThreadCall[Any] | None = None

    _state = CALLING
    _outflow: Outflow | None = None  # from STREAMING on
    _progress_seen = -1  # when the supervisor last checked

    def __init__(
        self,
        request: Request,
        body: Spool | None,
        supervisor: Supervisor,
        debug: bool,
    ) -> None:
        self.request = request
        self._supervisor = supervisor
        self._debug = debug
        self._worker = WorkerCall(request, body)

    def begin(self, app: Application, environ: dict[str, Any]) -> None:
        """Have a thread call the application. Raises as ``ThreadPool.submit``."""
        self.job = job = self._supervisor.submit(self, self._worker.run, self, app, environ)
        job.add_done_callback(self._on_done)
        self.request.on_lost(self._on_lost)

    def __repr__(self) -> str:
        return repr(self._worker)

    def _enter(self, state: str) -> bool:
        """Change the state. Returns False if the table does not allow that: it is too late."""
        if state not in TRANSITIONS[self._state]:
            return False
        self._state = state
        return True

    # -- what the thread asks for: see LoopSide ----------------------------------------------------

    @property
    def budget(self) -> SpoolBudget:
        """Of all streamed responses."""
        return self._supervisor.budget

    def send_whole(self) -> None:
        """Send the response, which is complete."""
        if not self._enter(ANSWERED):
            return
        worker = self._worker
        pieces = worker.pieces
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        response = whole_response(self.request, worker.checked_head(), body)
        if response is not None:
            self.request.respond(response)

    def send_stream(self) -> None:
        """Send the part of the body that the thread has produced."""
        if self._state is GONE:
            return
        stream = self._worker.stream
        assert stream is not None
        try:
            outflow = self._outflow
            if outflow is None:
                head = self._worker.checked_head()
                outflow = Outflow(self.request.start(head.status, head.fields, head.length))
                self._outflow = outflow
                self._enter(STREAMING)
            outflow.add(stream.take())
            self._write()
        except Exception as exc:  # the temporary file cannot be read
            self._fail(exc)

    def _write(self) -> None:
        """Write as much as the client accepts."""
        outflow, stream = self._outflow, self._worker.stream
        assert outflow is not None
        assert stream is not None
        for _ in range(_REFILLS):
            size = outflow.flush()
            more = stream.written(size, needs_more=outflow.is_empty)
            if not more:
                break
            outflow.add(more)
        else:  # the client accepts all that there is: continue in the next turn
            self.request.reactor.call_soon(self.send_stream)
            return
        outflow.writer.on_writable = None if outflow.is_empty else self._write
        if outflow.is_empty and self._state is DRAINING:
            self._enter(ANSWERED)
            outflow.writer.end()

    # -- the end of the call -----------------------------------------------------------------------

    def _on_done(self, job: ThreadCall[Any]) -> None:
        self._forget_job()
        worker = self._worker
        exc = job.exception()
        try:
            if exc is not None and worker.stream is not None and worker.left == 0:
                report(worker, exc)  # but the whole announced body is there
                exc = None
            if exc is not None:
                self._fail(exc)
            elif worker.file_span is not None:
                if self._enter(ANSWERED):
                    head = worker.checked_head()
                    send_file(self.request, head, worker.file_span, self._close_file)
                else:  # the client has gone
                    self._close_file()
            elif worker.stream is not None:
                self._enter(DRAINING)
                self.send_stream()
            else:
                self.send_whole()  # unless the thread asked for that already
        except Exception as error:
            self._fail(error)

    def _fail(self, exc: BaseException) -> None:
        self._enter(GONE)
        self._worker.stop_writing()
        writer = self._outflow.writer if self._outflow is not None else None
        fail(self._worker, exc, writer, self._debug)

    def _close_file(self) -> None:
        try:
            self.job = job = self._supervisor.submit(self, self._worker.close_file)
        except (queue.Full, RuntimeError):
            self._worker.close_file()
        else:
            job.add_done_callback(self._on_file_closed)

    def _on_file_closed(self, job: ThreadCall[Any]) -> None:
        self._forget_job()

    def _forget_job(self) -> None:
        self.job = None
        self._supervisor.forget(self)

    # -- clients that leave ------------------------------------------------------------------------

    def _on_lost(self) -> None:
        self._enter(GONE)
        self._worker.stop_writing()
        job = self.job
        # If a thread takes the call at this moment, it finds that the client has gone.
        if job is not None and not job.thread and job.cancel():
            self._forget_job()
            self._worker.discard()

    # -- what the supervisor asks for: see SupervisedCall ------------------------------------------

    @property
    def is_half_closed(self) -> bool:
        """Whether the client has finished sending, and there is no response yet."""
        return self._state is CALLING and self.request.is_half_closed

    def has_progressed(self) -> bool:
        """Whether the thread has produced something since the last call, or waits for the
        client."""
        stream = self._worker.stream
        progress = 0 if stream is None else stream.progress
        seen, self._progress_seen = self._progress_seen, progress
        return progress != seen or (stream is not None and stream.is_full)

    def give_up(self) -> None:
        """The call hangs in its thread, and was abandoned: send the client an error."""
        worker = self._worker
        worker.is_abandoned = True
        self._forget_job()
        worker.stop_writing()
        if worker.file_span is not None:  # the thread has just returned it, or is about to
            self._close_file()
        if self._outflow is not None:
            self._enter(GONE)
            self._outflow.writer.abort()
        elif self._state is CALLING and not worker.is_handed_over:
            self._enter(GONE)
            self._refuse("The application took too long.")

    def refuse(self) -> None:
        """The call waits for a thread, and will not get one: send the client an error, if it is
        there."""
        self._refuse("The server is busy.")
        self._on_lost()

    def _refuse(self, detail: str) -> None:
        if not self.request.is_lost:
            self.request.respond(error_page(503, detail, (("Retry-After", "1"),)))
