"""InlineCall: a call of an application that runs in the loop. That is the fastest way for quick
applications. While one computes or waits, no other client is served."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reactor.errors import as_exception

from ..response import Response
from .call import Application, Call
from .filewrapper import FileWrapper
from .sending import Outflow, fail, send_file, whole_response


class InlineCall(Call):
    """One call in the loop's thread.

    A body that is not a list is streamed: each turn of the loop takes one piece from it, unless the
    client still has too much to read."""

    passing = (KeyboardInterrupt,)

    _outflow: Outflow | None = None
    _result: Any = None
    _is_finished = False
    _iterator: Iterator[bytes]
    _debug = False

    def run(self, app: Application, environ: dict[str, Any], debug: bool) -> Response | None:
        """Call the application. Returns the response if it is complete. If this raises, the server
        answers with 500."""
        try:
            result = app(environ, self.start_response)
            head = self.head
            # The fast path, for nearly all quick applications.
            if (
                type(result) is list
                and len(result) == 1
                and type(body := result[0]) is bytes
                and head is not None
                and (head.length is None or head.length == len(body))
                and not self.pieces
                and self.request.head.method != "HEAD"
            ):
                self.finish()
                return Response(body, head.status, head.fields)
            self._debug = debug
            self._result = result
            return self._respond(result)
        except (Exception, KeyboardInterrupt):
            self._finish()
            raise
        except BaseException as exc:  # SystemExit, for example, must not end the server
            self._finish()
            raise as_exception(exc, "the application") from exc

    def _respond(self, result: Any) -> Response | None:
        if type(result) in (list, tuple):
            self.pieces = [*self.pieces, *map(self.accept, result)]
            return self._whole()
        if isinstance(result, FileWrapper) and not self.pieces:
            head = self.checked_head()
            span = result.span(head.length)
            if span is not None:
                send_file(self.request, head, span, self._finish)
                return None
        self._iterator = iter(result)
        # Up to the first piece that is not empty; to the end, if that completes the body.
        while not self.pieces or self.left == 0:
            piece = next(self._iterator, None)
            if piece is None:
                return self._whole()
            piece = self.accept(piece)
            if piece and not self.is_bodiless:
                self.put(piece)
            if self.is_bodiless or self.overrun:
                return self._whole()
        self._stream()
        return None

    def _whole(self) -> Response | None:
        pieces = self.pieces
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self._finish()
        return whole_response(self.request, self.checked_head(), body)

    @property
    def is_head_sent(self) -> bool:
        return self._outflow is not None

    def put(self, piece: bytes) -> None:
        # It cannot be sent now: the loop is blocked until the application returns.
        if not self.pieces:
            self.pieces = []
        self.pieces.append(piece)

    def _stream(self) -> None:
        head = self.checked_head()
        request = self.request
        outflow = Outflow(request.start(head.status, head.fields, head.length))
        self._outflow = outflow
        request.on_lost(self._finish)
        outflow.add(self.pieces)
        outflow.flush()
        # call_soon twice, so that it runs in the next turn: what is written now is sent at the end
        # of this turn, and must not wait for the next piece (PEP 3333, "Buffering and Streaming").
        request.reactor.call_soon(request.reactor.call_soon, self._send_next)

    def _send_next(self) -> None:
        """Send the next piece, unless the last one is still waiting to be sent."""
        outflow = self._outflow
        if outflow is None or self._is_finished:  # the client has left
            return
        writer = outflow.writer
        try:
            outflow.flush()
            if not outflow.is_empty or writer.paused:
                writer.on_writable = self._send_next
                return
            writer.on_writable = None
            piece = None if self.overrun else next(self._iterator, None)
            if piece is not None:
                outflow.add((self.accept(piece),))
                outflow.flush()
                self.request.reactor.call_soon(self._send_next)
                return
        except KeyboardInterrupt:
            self._finish()
            raise
        except BaseException as exc:
            self._finish()
            fail(self, exc, writer, self._debug)
            return
        self._finish()
        writer.end()

    def _finish(self) -> None:
        if not self._is_finished:
            self._is_finished = True
            self.finish(self._result)
