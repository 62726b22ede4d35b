"""What the web server of the mail serves.

==================================  ==============================================================
``GET /``                           the page and its files
``GET /events``                     server-sent events: ``change``; see streams.py
``GET /api/messages``               the newest mails, as JSON; see query.py for the parameters
``DELETE /api/messages``            delete all mails, or those that ``search``, ``from``, ``to`` and
                                    ``subject`` select
``GET /api/messages/ID``            a mail: its headers, text, HTML, and list of attachments
``DELETE /api/messages/ID``         delete it
``POST /api/messages/ID/read``      mark it as read
``GET /api/messages/ID/raw``        its source, as a file with ``?download``
``GET /api/messages/ID/html``       its HTML, for a sandboxed frame
``GET /api/messages/ID/parts/N``    an attachment, as a download
==================================  ==============================================================

Requests that change something need the field ``X-Requested-With``, which a page of another site
cannot send. See ``protocols.page.access`` for who may do what. Errors are one line of text."""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable, Sequence
from functools import partial
from importlib.resources import files
from typing import Final, TypeVar
from urllib.parse import parse_qs, unquote

from protocols.http import HTTPError, HTTPServer, Limits, Request, Response
from protocols.http.connection import HTTPConnection
from protocols.page import SECURITY_WITH_FRAMES, PageFiles
from protocols.page.access import Access
from reactor import Reactor, ThreadCall, Timer

from ..maildir import DeletionError
from ..store import MailStore
from . import answers
from .index import LISTING, MAX_MAILS, Entry, Index
from .jobs import BUSY, Jobs
from .lists import Lists
from .query import Query
from .streams import Streams

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: For the server. A client that does not read is disconnected after ``write_timeout``.
LIMITS: Final = Limits(body=4096, requests=100_000, write_timeout=20.0)
CHANGE_FIELD: Final = "X-Requested-With"

_LOOK: Final = LISTING + 0.5  # seconds between two looks at the Maildir while a page watches
_MAX_ID: Final = 255  # bytes of the name of a file, on all systems
_LIST: Final = "/api/messages"
_READ: Final = ("GET", "HEAD")

Handler = Callable[[Request, str], Response | None]


class MailWeb(HTTPServer):
    """The web server for the mail in ``store``. To serve: ``reactor.listen_tcp(MailWeb(…), …)``.

    ``access``: who may use it; ``most``: the number of mails in its list."""

    def __init__(
        self, reactor: Reactor, store: MailStore, access: Access, *, most: int = MAX_MAILS
    ) -> None:
        super().__init__(self._handle, limits=LIMITS)
        self._reactor = reactor
        self._store = store
        self._maildir = store.maildir
        self._access = access
        self._files = PageFiles(files(__package__) / "page", SECURITY_WITH_FRAMES)
        self._index = Index(reactor, store, self._changed, most)
        self._lists = Lists(reactor, self._index)
        self._streams = Streams(reactor, lambda: (self._index.total, self._index.unread))
        self._jobs = Jobs(reactor, _refusal)
        self._watching: Timer | None = None
        self._list_routes: dict[str, Handler] = {"GET": self._get_list, "DELETE": self._delete_some}
        self._routes: dict[str, dict[str, Handler]] = {
            "": {"GET": self._get_mail, "DELETE": self._delete},
            "read": {"POST": self._mark_read},
            "raw": {"GET": self._get_raw},
            "html": {"GET": self._get_html},
        }

    def __call__(self) -> HTTPConnection:
        return _Connection(self)

    def close(self) -> None:
        """End the responses that wait for something, and accept no more of them."""
        self._lists.close()
        self._streams.close()

    def _handle(self, request: Request) -> Response | None:
        try:
            self._access.check_host(request)
            routes, identity = self._find(request.path)
            if routes is None:
                return self._files.answer(request)
            handler = routes.get("GET" if request.method == "HEAD" else request.method)
            if handler is None:
                methods = ", ".join((*routes, "HEAD") if "GET" in routes else routes)
                raise HTTPError(405, f"Only {methods}.", (("Allow", methods),))
            self._access.check_reading(request)
            if request.method not in _READ and not request.headers.get(CHANGE_FIELD):
                raise HTTPError(403, f"A change needs the field {CHANGE_FIELD}, with any value.")
            return handler(request, identity)
        except HTTPError as exc:
            return _refusal(exc)

    def _find(self, path: str) -> tuple[dict[str, Handler] | None, str]:
        """The handlers for ``path``, and the identity of the mail. None if it may be a file."""
        if path == "/events":
            return {"GET": self._get_events}, ""
        if path == _LIST:
            return self._list_routes, ""
        if not path.startswith(_LIST + "/"):
            return None, ""
        name, _, view = path.removeprefix(_LIST + "/").partition("/")
        identity = unquote(name, errors="surrogateescape")
        is_name = len(identity.encode("utf-8", "surrogateescape")) <= _MAX_ID
        if is_name and view.startswith("parts/"):
            return {"GET": partial(self._get_part, view.removeprefix("parts/"))}, identity
        if not is_name or view not in self._routes:
            raise HTTPError(404, "There is no such mail or view of it.")
        return self._routes[view], identity

    def _changed(self, deleted: Sequence[str], read: Sequence[Entry]) -> None:
        self._streams.change(deleted)
        self._lists.changed(read)

    # -- reading -----------------------------------------------------------------------------------

    def _get_events(self, request: Request, _: str) -> None:
        if request.method == "HEAD":
            fields = (("Content-Type", "text/event-stream"), *answers.NO_STORE)
            request.start(200, fields).end()
            return
        self._index.refresh()
        self._streams.open(request)
        self._watch()

    def _get_list(self, request: Request, _: str) -> None:
        self._lists.answer(request, Query.parse(request.query))
        self._watch()

    def _watch(self) -> None:
        """Look at the Maildir from time to time while pages or requests wait for mail: other
        programs may deliver to it."""
        if self._watching is None and (self._streams or self._lists):
            self._watching = self._reactor.call_later(_LOOK, self._look)

    def _look(self) -> None:
        self._watching = None
        self._index.refresh()
        self._watch()

    def _get_mail(self, request: Request, identity: str) -> None:
        self._jobs.answer(request, answers.whole, self._maildir, identity)

    def _get_raw(self, request: Request, identity: str) -> None:
        download = "download" in parse_qs(request.query, keep_blank_values=True)
        job = partial(answers.raw, download=download)
        self._jobs.answer(request, job, self._maildir, identity)

    def _get_html(self, request: Request, identity: str) -> None:
        self._jobs.answer(request, answers.frame, self._maildir, identity)

    def _get_part(self, number: str, request: Request, identity: str) -> None:
        self._jobs.answer(request, answers.attachment, self._maildir, identity, number)

    # -- changing ----------------------------------------------------------------------------------

    def _mark_read(self, request: Request, identity: str) -> None:
        def marked(_: None) -> None:
            self._index.mark_seen(identity)
            request.respond(_done())

        self._call(request, lambda: self._store.mark_seen(identity), marked)

    def _delete(self, request: Request, identity: str) -> None:
        def deleted(identities: list[str]) -> None:
            request.respond(_done() if identities else _refusal(_no_mail()))

        self._call(request, lambda: self._store.delete([identity]), deleted)

    def _delete_some(self, request: Request, _: str) -> None:
        query = Query.parse_deletion(request.query)
        delete = partial(self._delete_all, request)
        if query.is_filter:
            self._lists.select(request, query, delete)
        else:  # the index may not have all of them
            self._call(
                request,
                self._store.mails,
                lambda mails: delete([mail.identity for mail in mails], True),
            )

    def _delete_all(self, request: Request, identities: list[str], is_complete: bool) -> None:
        """``is_complete``: whether these are all that the client has asked for."""

        def answer(is_complete: bool, deleted: list[str]) -> None:
            document = {"deleted": len(deleted), "complete": is_complete}
            request.respond(answers.as_json(document))

        self._call(
            request,
            lambda: self._store.delete(identities),
            partial(answer, is_complete),
            partial(answer, False),
        )

    def _call(
        self,
        request: Request,
        start: Callable[[], ThreadCall[T]],
        use: Callable[[T], object],
        use_deleted: Callable[[list[str]], object] | None = None,
    ) -> None:
        """Call ``use(result)`` with the result of a call in a thread; if it fails, answer
        ``request``. If it fails to delete some mails, call ``use_deleted`` with the others."""

        def done(call: ThreadCall[T]) -> None:
            if (exc := call.exception()) is None:
                use(call.result())
                return
            if isinstance(exc, FileNotFoundError):
                request.respond(_refusal(_no_mail()))
                return
            logger.error("cannot use the Maildir %s: %s", self._maildir.path, exc)
            if use_deleted is not None and isinstance(exc, DeletionError) and exc.deleted:
                use_deleted(exc.deleted)
            else:
                request.respond(_refusal(HTTPError(500, "The Maildir cannot be used.")))

        try:
            start().add_done_callback(done)
        except (queue.Full, RuntimeError):
            request.respond(_refusal(HTTPError(503, "There is no thread free.", BUSY)))


class _Connection(HTTPConnection):
    """Ends what waits when the server stops."""

    def shutdown_requested(self) -> None:
        if isinstance(self.server, MailWeb):
            self.server.close()
        super().shutdown_requested()


def _done() -> Response:
    return Response(b"", 204, answers.NO_STORE)


def _no_mail() -> HTTPError:
    return HTTPError(404, "There is no such mail.")


def _refusal(error: HTTPError) -> Response:
    """One line of text. The server's error page has a style, which is not permitted here."""
    return Response.text(f"{error}\n", error.status, (*error.headers, *answers.NO_STORE))
