"""The index of the mailbox: what the list shows of each mail, and what is searched.

It is in memory, and is made when it is first needed: threads read the mails, the newest first. The
store tells of its own changes. Other programs may change the Maildir too, so it is listed again
when its folders have changed."""

from __future__ import annotations

import bisect
import logging
import queue
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final

from reactor import Reactor, ThreadCall

from ..maildir import Maildir, StoredMail
from ..store import MailStore
from .parsing import Summary, summarize

logger = logging.getLogger(__name__)

MAX_MAILS: Final = 30_000  # the newest; with their texts, they take up to about 100 MB
BATCH: Final = 100  # mails that a thread reads at a time
BEGINNING: Final = 128 << 10  # bytes of a mail that are read for it
LISTING: Final = 2.0  # seconds between two looks at the folders, at least
_RETRY: Final = 0.5  # seconds until the next attempt to get a thread

Key = tuple[float, str]  # when it was received, and its identity


class Entry:
    """A mail in the index. ``summary``: None until it was read."""

    __slots__ = ("mail", "seen", "summary")

    def __init__(self, mail: StoredMail) -> None:
        self.mail = mail
        self.seen = mail.seen
        self.summary: Summary | None = None

    @property
    def key(self) -> Key:
        """What mails are sorted by."""
        return self.mail.received, self.mail.identity


class Index:
    """The index of ``store``. ``on_change(deleted, read)`` is called after each change with the
    identities of mails that are gone, and the mails that were read just now, or none: the list
    must be asked for again.

    ``most``: the number of mails that it has at most. ``is_listed``: whether it knows them; it has
    not read all of them then."""

    def __init__(
        self,
        reactor: Reactor,
        store: MailStore,
        on_change: Callable[[Sequence[str], Sequence[Entry]], object],
        most: int = MAX_MAILS,
    ) -> None:
        self._reactor = reactor
        self._store = store
        self._on_change = on_change
        self._most = most
        self._entries: dict[str, Entry] = {}
        self._order: list[Key] = []  # the oldest first
        self._unread: set[str] = set()
        self._missing: dict[str, None] = {}  # without a summary, the newest last
        self._reading = False
        self._modified: tuple[int, int] | None = None
        self._listed_at = -LISTING
        self.is_listed = False
        self._listing = False
        self._changed_meanwhile: set[str] = set()  # while a thread lists the Maildir
        store.watch(self._store_changed)

    @property
    def total(self) -> int:
        """The number of mails."""
        return len(self._order)

    @property
    def unread(self) -> int:
        """The number of mails that were not read yet."""
        return len(self._unread)

    @property
    def missing(self) -> int:
        """The number of mails of which the index has no summary yet."""
        return len(self._missing)

    @property
    def end(self) -> Key:
        """The key after that of the newest mail."""
        received, identity = self._order[-1] if self._order else (float("-inf"), "")
        return received, identity + "\0"

    def key(self, identity: str) -> Key:
        """The key of a mail, which may be gone; of none, one that is after all keys."""
        entry = self._entries.get(identity)
        return entry.key if entry else (_received(identity), identity)

    def get(self, identity: str) -> Entry | None:
        """The mail; None if it is not in the index."""
        return self._entries.get(identity)

    def newest(self, before: Key) -> Iterator[Entry]:
        """The mails whose keys are before this one, the newest first. Use it within a turn of the
        loop."""
        for number in range(bisect.bisect_left(self._order, before) - 1, -1, -1):
            yield self._entries[self._order[number][1]]

    def mark_seen(self, identity: str) -> None:
        """The mail was read by somebody."""
        entry = self._entries.get(identity)
        if entry is not None and not entry.seen:
            entry.seen = True
            self._unread.discard(identity)
            self._on_change((), ())

    # -- listing -----------------------------------------------------------------------------------

    def refresh(self) -> None:
        """See whether other programs have changed the Maildir, unless that was done just now."""
        if self._listing or self._reactor.time() - self._listed_at < LISTING:
            return
        self._listed_at = self._reactor.time()
        try:
            call = self._reactor.run_in_thread(_list, self._store.maildir, self._modified)
        except (queue.Full, RuntimeError) as exc:
            logger.warning("cannot list the mails: %s", exc)
            return
        self._listing = True
        call.add_done_callback(self._listed)

    def _listed(self, call: ThreadCall[tuple[tuple[int, int], list[StoredMail]] | None]) -> None:
        self._listing = False
        changed, self._changed_meanwhile = self._changed_meanwhile, set()
        if (exc := call.exception()) is not None:
            logger.error("cannot list the mails in %s: %s", self._store.maildir.path, exc)
        elif (result := call.result()) is not None:
            self._modified, mails = result
            self._merge([mail for mail in mails if mail.identity not in changed], changed)
        self.is_listed = True
        self._on_change((), ())
        self._read()

    def _merge(self, mails: list[StoredMail], changed: set[str]) -> None:
        """``changed``: those of which the store has told meanwhile, so it is right about them."""
        found = {mail.identity for mail in mails}
        gone = [i for i in self._entries if i not in found and i not in changed]
        differ = False
        for identity in gone:
            self._remove(identity)
        for mail in mails[-self._most :]:
            entry = self._entries.get(mail.identity)
            if entry is None:
                differ |= self._add(mail)
            elif mail.seen and not entry.seen:
                entry.seen = differ = True
                self._unread.discard(mail.identity)
        if gone or differ:
            self._on_change(gone, ())

    def _store_changed(self, added: Sequence[StoredMail], deleted: Sequence[str]) -> None:
        if self._listing:
            self._changed_meanwhile.update(deleted, (mail.identity for mail in added))
        if not self.is_listed:
            return  # the listing will find them
        for mail in added:
            self._add(mail)
        for identity in deleted:
            self._remove(identity)
        if deleted:
            self._on_change(deleted, ())
        self._read()

    def _add(self, mail: StoredMail) -> bool:
        """Returns whether it is new, and not too old for the index."""
        identity = mail.identity
        if identity in self._entries or not _is_text(identity):
            return False
        if len(self._order) >= self._most:
            if (mail.received, identity) < self._order[0]:
                return False
            self._remove(self._order[0][1])
        self._entries[identity] = Entry(mail)
        bisect.insort(self._order, (mail.received, identity))
        self._missing[identity] = None
        if not mail.seen:
            self._unread.add(identity)
        return True

    def _remove(self, identity: str) -> None:
        entry = self._entries.pop(identity, None)
        if entry is not None:
            key = (entry.mail.received, identity)
            del self._order[bisect.bisect_left(self._order, key)]
            self._missing.pop(identity, None)
            self._unread.discard(identity)

    # -- reading -----------------------------------------------------------------------------------

    def _read(self) -> None:
        """Read the next mails, if there are any."""
        if self._reading or not self._missing:
            return
        batch = list(islice(reversed(self._missing), BATCH))
        try:
            call = self._reactor.run_in_thread(_summaries, self._store.maildir, batch)
        except (queue.Full, RuntimeError):
            self._reading = True
            self._reactor.call_later(_RETRY, self._read_again)
            return
        self._reading = True
        call.add_done_callback(lambda call: self._read_done(batch, call))

    def _read_again(self) -> None:
        self._reading = False
        self._read()

    def _read_done(self, batch: list[str], call: ThreadCall[dict[str, Summary]]) -> None:
        self._reading = False
        if (exc := call.exception()) is not None:
            logger.error("cannot read mails in %s: %s", self._store.maildir.path, exc)
        summaries = {} if exc is not None else call.result()
        read = []
        for identity in batch:
            self._missing.pop(identity, None)
            entry = self._entries.get(identity)
            if entry is not None:  # it may have been deleted meanwhile
                entry.summary = summaries.get(identity, Summary(subject="(cannot be read)"))
                read.append(entry)
        self._on_change((), read)
        self._read()


def _list(
    maildir: Maildir, known: tuple[int, int] | None
) -> tuple[tuple[int, int], list[StoredMail]] | None:
    """In a thread. None if nothing has changed since ``known``."""
    modified = maildir.modified()  # first: what comes later is found the next time
    return None if modified == known else (modified, maildir.mails())


def _summaries(maildir: Maildir, identities: list[str]) -> dict[str, Summary]:
    """In a thread."""
    beginnings = maildir.read_beginnings(identities, BEGINNING)
    return {identity: summarize(data) for identity, data in beginnings.items()}


def _received(identity: str) -> float:
    """When a mail was received that is gone; in the far future if its name does not say it."""
    seconds = identity.partition(".")[0]
    return float(seconds) if seconds.isascii() and seconds.isdecimal() else float("inf")


def _is_text(identity: str) -> bool:
    """Other programs could use names that no URL can contain."""
    return identity.isprintable()
