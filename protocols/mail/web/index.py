"""The index of the mailbox: what the list shows of each mail, and what is searched.

It is in memory, and is made when it is first needed: threads read the mails, the newest first. The
store tells of its own changes. Other programs may change the Maildir too, so it is listed again
when its folders have changed."""

from __future__ import annotations

import bisect
import logging
import queue
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

from reactor import Reactor, ThreadCall

from ..maildir import Maildir, StoredMail
from ..store import MailStore
from .parsing import Summary, summarize

logger = logging.getLogger(__name__)

MAX_MAILS: Final = 30_000  # the newest; with their texts, they take up to about 100 MB
BATCH: Final = 100  # mails that a thread reads at a time
BEGINNING: Final = 128 << 10  # bytes of a mail that are read for it
LISTING: Final = 2.0  # seconds between two looks at the folders, at least
SLICE: Final = 500  # mails that are added in a turn of the loop, at most
_FEW: Final = 20  # mails; to delete so many, the order is made again
# Two changes in this time can leave a folder with the same time: file systems have coarse clocks.
_COARSE: Final = 2_000_000_000  # nanoseconds
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


class _Difference(NamedTuple):
    """How the Maildir differs from the index. ``modified``: its time, None if a later change could
    have the same. ``identities``: of all mails; ``added``: the oldest
    first; ``seen``: those that a program has marked as read."""

    modified: tuple[int, int] | None
    identities: set[str]
    added: list[StoredMail]
    deleted: list[str]
    seen: list[str]


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
        self._failed = False  # to list the Maildir
        self._changed_meanwhile: dict[str, bool] = {}  # during that: whether it is there now
        self._count = 0  # of the mails in the Maildir
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
    def older(self) -> int:
        """The number of mails that are not in the index: they are older than those that are."""
        return max(0, self._count - len(self._order))

    @property
    def is_complete(self) -> bool:
        """Whether it has all mails of the Maildir, and has read them."""
        return self.is_listed and not (self._failed or self._missing or self.older)

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
        """A client has marked the mail as read."""
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
            call = self._reactor.run_in_thread(
                _compare,
                self._store.maildir,
                self._modified,
                set(self._entries),
                self._unread.copy(),
                self._most,
            )
        except (queue.Full, RuntimeError) as exc:
            logger.warning("cannot list the mails: %s", exc)
            return
        self._listing = True
        call.add_done_callback(self._compared)

    def _compared(self, call: ThreadCall[_Difference | None]) -> None:
        had_failed, self._failed = self._failed, False
        if (exc := call.exception()) is not None:
            self._failed = True
            if not had_failed:
                logger.error("cannot list the mails in %s: %s", self._store.maildir.path, exc)
            self._end_listing(differs=False)
        elif (found := call.result()) is None:
            self._end_listing(differs=had_failed)
        else:
            self._merge(found)

    def _merge(self, found: _Difference) -> None:
        self._modified = found.modified
        self._count = len(found.identities)
        # The store has told of these meanwhile, so it is right about them.
        changed = self._changed_meanwhile
        for identity, is_there in changed.items():
            self._count += is_there - (identity in found.identities)
        deleted = [identity for identity in found.deleted if identity not in changed]
        self._remove_all(deleted)
        for identity in found.seen:
            if identity in self._unread:
                self._entries[identity].seen = True
                self._unread.discard(identity)
        if deleted:
            self._on_change(deleted, ())
        self._add_slice(iter(found.added), differs=bool(found.added or found.seen))

    def _add_slice(self, added: Iterator[StoredMail], differs: bool) -> None:
        """Add some mails, and the rest in the next turns."""
        mail = None
        for mail in islice(added, SLICE):
            if mail.identity not in self._changed_meanwhile:
                self._add(mail)
        if mail is not None:
            self._reactor.call_soon(self._add_slice, added, differs)
        else:
            self._end_listing(differs)

    def _end_listing(self, differs: bool) -> None:
        differs |= not self.is_listed
        self._listing = False
        self.is_listed = True
        self._changed_meanwhile.clear()
        if differs:
            self._on_change((), ())
        self._read()

    def _store_changed(self, added: Sequence[StoredMail], deleted: Sequence[str]) -> None:
        if self._listing:
            self._changed_meanwhile.update((mail.identity, True) for mail in added)
            self._changed_meanwhile.update((identity, False) for identity in deleted)
        elif not self.is_listed:
            return  # the listing will find them
        self._count += len(added) - len(deleted)
        for mail in added:
            self._add(mail)
        self._remove_all(deleted)
        if deleted:
            self._on_change(deleted, ())
        self._read()

    def _add(self, mail: StoredMail) -> None:
        identity = mail.identity
        if identity in self._entries:
            return
        if len(self._order) >= self._most:
            if (mail.received, identity) < self._order[0]:
                return
            self._remove_all([self._order[0][1]])
        self._entries[identity] = Entry(mail)
        bisect.insort(self._order, (mail.received, identity))
        self._missing[identity] = None
        if not mail.seen:
            self._unread.add(identity)

    def _remove_all(self, identities: Sequence[str]) -> None:
        for identity in identities:
            entry = self._entries.pop(identity, None)
            if entry is not None and len(identities) < _FEW:
                del self._order[bisect.bisect_left(self._order, entry.key)]
            self._missing.pop(identity, None)
            self._unread.discard(identity)
        if len(identities) >= _FEW:
            self._order = [key for key in self._order if key[1] in self._entries]

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


def _compare(
    maildir: Maildir,
    modified: tuple[int, int] | None,
    known: set[str],
    unread: set[str],
    most: int,
) -> _Difference | None:
    """In a thread. Returns None if nothing has changed since ``modified``."""
    now = maildir.modified()  # first: what comes later is found the next time
    if now == modified:
        return None
    # Other programs could use names that no URL can contain.
    mails = [mail for mail in maildir.mails() if mail.identity.isprintable()]
    identities = {mail.identity for mail in mails}
    newest = mails[-most:]
    return _Difference(
        now if time.time_ns() - max(now) > _COARSE else None,
        identities,
        [mail for mail in newest if mail.identity not in known],
        list(known - identities),
        [mail.identity for mail in newest if mail.seen and mail.identity in unread],
    )


def _summaries(maildir: Maildir, identities: list[str]) -> dict[str, Summary]:
    """In a thread."""
    summaries = {}
    for identity, data in maildir.read_beginnings(identities, BEGINNING).items():
        try:
            summaries[identity] = summarize(data)
        except Exception:  # one mail must not hide the others
            logger.exception("cannot read the mail %s", identity)
    return summaries


def _received(identity: str) -> float:
    """When a mail was received that is gone; in the far future if its name does not say it."""
    seconds = identity.partition(".")[0]
    return float(seconds) if seconds.isascii() and seconds.isdecimal() else float("inf")
