"""MailStore: a Maildir for the loop. Threads wait for the disk, and mails that arrive together are
written together."""

from __future__ import annotations

import errno
import logging
import queue
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final

from reactor import Reactor, ThreadCall

from .maildir import DeletionError, Maildir, NewMail, StoredMail
from .smtp import replies
from .smtp.message import Message
from .smtp.replies import Reply
from .trace import trace_fields

logger = logging.getLogger(__name__)

# One fsync of the folder serves all mails of a batch, but its first mail waits for the last.
MAX_BATCH: Final = 100  # mails
MAX_BATCH_SIZE: Final = 16 << 20  # bytes, unless a single mail is larger
# Seconds between two batches while several clients send, see ``_gathers``. With 20 clients that
# makes 14 instead of 10 mails a batch, and a tenth less CPU time for each.
GATHER_TIME: Final = 0.001
_RETRY: Final = 0.1  # seconds until the next attempt to get a thread
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})

# Called with the mails that were added, and the identities of those that were deleted.
OnChange = Callable[[Sequence[StoredMail], Sequence[str]], object]


class PendingDelivery:
    """A message that is being stored. ``result()`` is the reply to its sender."""

    __slots__ = ("_callback", "_reply", "mail")

    def __init__(self, mail: NewMail) -> None:
        self.mail = mail
        self._reply: Reply | None = None
        self._callback: Callable[[PendingDelivery], object] | None = None

    def add_done_callback(self, callback: Callable[[PendingDelivery], object]) -> None:
        """Call ``callback(self)`` when the message is stored, or cannot be. There is one
        callback, to be added before that."""
        self._callback = callback

    def result(self) -> Reply:
        """The reply. Raises ``RuntimeError`` if there is none yet."""
        if self._reply is None:
            raise RuntimeError("the message is still being stored")
        return self._reply

    def finish(self, reply: Reply) -> None:
        """There is a result."""
        self._reply = reply
        if self._callback is not None:
            self._callback(self)


class MailStore:
    """``maildir``, used from the loop of ``reactor``. ``hostname``: what ``Received`` calls this
    server; ``clock``: returns the time of day, in seconds since the epoch.

    ``deliver`` is an ``on_message`` for ``MailServer``: the sender gets 250 when the message is on
    the disk. What is listed, read and deleted comes as a ``ThreadCall``."""

    def __init__(
        self,
        reactor: Reactor,
        maildir: Maildir,
        hostname: str,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.maildir = maildir
        self._reactor = reactor
        self._hostname = hostname
        self._clock = clock
        self._waiting: list[PendingDelivery] = []
        self._writing = False  # or about to
        self._watchers: list[OnChange] = []

    # -- adding ------------------------------------------------------------------------------------

    def deliver(self, message: Message) -> PendingDelivery:
        """Store a message."""
        now = self._clock()
        identity = self.maildir.new_identity(now)
        head = trace_fields(message.envelope, self._hostname, identity, now)
        pending = PendingDelivery(NewMail(identity, head, message.content))
        self._waiting.append(pending)
        if not self._writing:
            self._writing = True
            self._reactor.call_soon(self._write)  # together with others of this turn
        return pending

    def _write(self) -> None:
        batch = self._next_batch()
        try:
            call = self._reactor.run_in_thread(self.maildir.write, [p.mail for p in batch])
        except queue.Full:
            self._waiting[:0] = batch
            self._reactor.call_later(_RETRY, self._write)
        except RuntimeError as exc:  # the system has no more threads
            logger.error("cannot store mail: %s", exc)
            self._end(batch, [OSError(errno.EAGAIN, str(exc))] * len(batch))
        else:
            call.add_done_callback(partial(self._written, batch))

    def _next_batch(self) -> list[PendingDelivery]:
        size = count = 0
        for pending in self._waiting[:MAX_BATCH]:
            size += len(pending.mail.content)
            if count and size > MAX_BATCH_SIZE:
                break
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch

    def _written(
        self, batch: list[PendingDelivery], call: ThreadCall[list[StoredMail | OSError]]
    ) -> None:
        exc = call.exception()
        if exc is None:
            self._end(batch, call.result())
            return
        self._reactor.call_exception_handler({"message": "cannot store mail:", "exception": exc})
        self._end(batch, [OSError(errno.EIO, str(exc))] * len(batch))

    def _end(self, batch: list[PendingDelivery], results: Sequence[StoredMail | OSError]) -> None:
        self._writing = bool(self._waiting)
        if _gathers(len(batch), len(self._waiting)):
            self._reactor.call_later(GATHER_TIME, self._write)
        elif self._writing:
            self._reactor.call_soon(self._write)
        for error in {str(result) for result in results if isinstance(result, OSError)}:
            logger.error("cannot store mail in %s: %s", self.maildir.path, error)
        added = [result for result in results if isinstance(result, StoredMail)]
        if added:
            self._notify(added, ())
        for pending, result in zip(batch, results, strict=True):
            pending.finish(_reply(pending.mail.identity, result))

    # -- what readers of the mail need -------------------------------------------------------------

    def mails(self) -> ThreadCall[list[StoredMail]]:
        """All mails, the oldest first."""
        return self._reactor.run_in_thread(self.maildir.mails)

    def read(self, identity: str) -> ThreadCall[bytes]:
        """A mail, with CR LF at the end of lines; the call raises ``FileNotFoundError`` if it is
        gone."""
        return self._reactor.run_in_thread(self.maildir.read, identity)

    def mark_seen(self, identity: str) -> ThreadCall[None]:
        """Mark a mail as read."""
        return self._reactor.run_in_thread(self.maildir.mark_seen, identity)

    def delete(self, identities: Iterable[str]) -> ThreadCall[list[str]]:
        """Delete mails; the result is those that were still there. The call raises
        ``DeletionError`` if one of them is left."""
        call = self._reactor.run_in_thread(self.maildir.delete, tuple(identities))
        call.add_done_callback(self._deleted)
        return call

    def _deleted(self, call: ThreadCall[list[str]]) -> None:
        exc = call.exception()
        if exc is None:
            deleted = call.result()
        else:
            deleted = exc.deleted if isinstance(exc, DeletionError) else []
        if deleted:
            self._notify((), deleted)

    def watch(self, on_change: OnChange) -> Callable[[], None]:
        """Call ``on_change(added, deleted)`` after each change that is made here; what other
        programs do to the Maildir is not noticed. Returns a function that ends it."""
        self._watchers.append(on_change)
        return partial(self._watchers.remove, on_change)

    def _notify(self, added: Sequence[StoredMail], deleted: Sequence[str]) -> None:
        for on_change in tuple(self._watchers):
            on_change(added, deleted)


def _gathers(written: int, waiting: int) -> bool:
    """Whether the next batch begins after ``GATHER_TIME`` instead of now: ``written`` mails are
    stored, and ``waiting`` others have arrived meanwhile.

    The senders of the stored mails get their replies now. Those with more mails send them at once,
    so these can join the batch. If more mails wait than were stored, the batch is large without
    them. A single client never waits: it sends a mail after the reply to the last one, so none
    waits when that reply comes."""
    return 1 <= waiting < written


def _reply(identity: str, result: StoredMail | OSError) -> Reply:
    if isinstance(result, StoredMail):
        return Reply(250, "2.0.0", f"Stored as {identity}")
    return replies.DISK_FULL if result.errno in _FULL else replies.NOT_STORED
