"""The Maildir and the store: what is accepted is on the disk, and nothing half-written is shown."""

from __future__ import annotations

import errno
import mailbox
import os
import re
import sys
import threading
from pathlib import Path
from types import FrameType

import pytest

import protocols.mail
from protocols.mail import Address, Envelope, Maildir, MailStore
from protocols.mail.maildir import DeletionError, NewMail
from protocols.mail.store import GATHER_TIME
from protocols.mail.trace import trace_fields
from reactor.testing import VirtualReactor

from .world import HOSTNAME, SMTPWorld, codes


@pytest.fixture
def maildir(tmp_path: Path) -> Maildir:
    return Maildir(tmp_path / "mail")


def new_mail(maildir: Maildir, content: bytes = b"Subject: tea\r\n\r\nhello\r\n") -> NewMail:
    return NewMail(maildir.new_identity(1_700_000_000.5), b"Return-Path: <>\n", content)


def names(maildir: Maildir, folder: str) -> list[str]:
    return sorted(os.listdir(maildir.path / folder))


def test_a_mail_is_stored_with_lf_and_read_with_crlf(maildir):
    (stored,) = maildir.write([new_mail(maildir)])
    (path,) = (maildir.path / "new").iterdir()
    assert path.read_bytes() == b"Return-Path: <>\nSubject: tea\n\nhello\n"
    assert path.stat().st_mode & 0o777 == 0o600
    data = maildir.read(stored.identity)
    assert data == b"Return-Path: <>\r\nSubject: tea\r\n\r\nhello\r\n"
    assert stored.size == len(data)
    assert maildir.mails() == [stored]
    assert names(maildir, "tmp") == []


def test_mails_of_a_second_are_in_the_order_of_their_arrival(maildir):
    times = (1_700_000_000 + fraction for fraction in (0.024, 0.1, 0.5))
    mails = [NewMail(maildir.new_identity(now), b"", b"Subject: tea\r\n\r\n") for now in times]
    stored = maildir.write(mails)
    assert maildir.mails() == stored


def while_scanned(monkeypatch, folder: str, change) -> None:
    """Let ``change()`` happen once, when ``folder`` was listed."""
    scandir = os.scandir

    def scan(path):
        entries = list(scandir(path))
        if os.path.basename(path) == folder:
            monkeypatch.setattr(os, "scandir", scandir)
            change()
        return iter(entries)

    monkeypatch.setattr(os, "scandir", scan)


def test_a_mail_that_is_moved_while_the_folder_is_read_is_there_once(maildir, monkeypatch):
    (stored,) = maildir.write([new_mail(maildir)])
    while_scanned(monkeypatch, "new", lambda: maildir.mark_seen(stored.identity))
    assert maildir.mails() == [stored._replace(seen=True)]


def test_flags_that_change_meanwhile_hide_no_mail(maildir, monkeypatch):
    (stored,) = maildir.write([new_mail(maildir)])
    maildir.mark_seen(stored.identity)

    def flag() -> None:
        (path,) = (maildir.path / "cur").iterdir()
        path.rename(f"{path}T")

    other = Maildir(maildir.path)  # has not seen where the mail is
    while_scanned(monkeypatch, "cur", flag)
    assert other.read(stored.identity)
    (path,) = (maildir.path / "cur").iterdir()
    assert path.name.endswith("T")
    while_scanned(monkeypatch, "cur", flag)
    assert maildir.delete([stored.identity]) == [stored.identity]
    assert names(maildir, "cur") == []


def test_a_mail_that_was_listed_is_found_without_another_listing(maildir, monkeypatch):
    stored = maildir.write([new_mail(maildir) for _ in range(3)])
    for mail in stored:
        maildir.mark_seen(mail.identity)
    first, second, third = maildir.mails()
    monkeypatch.setattr(os, "scandir", None)
    assert maildir.read(first.identity)
    maildir.mark_seen(second.identity)
    monkeypatch.undo()
    (path,) = (maildir.path / "cur").glob(f"{third.identity}:*")
    path.rename(f"{path}T")  # by another program
    assert maildir.read(third.identity)
    again = maildir.mails()
    assert all(now is before for now, before in zip(again, (first, second, third), strict=True))


def test_a_mail_that_another_program_marks_as_unread_can_be_marked_again(maildir):
    (stored,) = maildir.write([new_mail(maildir)])
    maildir.mark_seen(stored.identity)
    (path,) = (maildir.path / "cur").iterdir()
    path.rename(str(path).removesuffix("S"))
    maildir.mark_seen(stored.identity)
    assert maildir.mails() == [stored._replace(seen=True)]


def test_the_folders_of_a_new_maildir_are_on_the_disk(tmp_path, monkeypatch):
    synced = []
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(os.fstat(fd).st_ino), sync(fd)))
    Maildir(tmp_path / "mail")
    assert synced == [(tmp_path / "mail").stat().st_ino, tmp_path.stat().st_ino]


def test_python_can_read_the_maildir(maildir):
    maildir.write([new_mail(maildir)])
    box = mailbox.Maildir(maildir.path)
    (message,) = box
    assert message["Subject"] == "tea"
    box.close()


def test_mails_that_other_programs_have_stored_and_moved(maildir):
    (maildir.path / "cur" / "1600000000.x.y:2,RS").write_bytes(b"a\r\nb\n")
    (maildir.path / "new" / ".hidden").write_bytes(b"")
    (mail,) = maildir.mails()
    assert mail == ("1600000000.x.y", 6, 1600000000.0, True)
    assert maildir.read(mail.identity) == b"a\r\nb\r\n"
    assert maildir.delete([mail.identity, "nothing"]) == [mail.identity]
    assert maildir.mails() == []


def test_a_last_line_without_an_end_counts_as_it_is_sent(maildir):
    for name, content in (("1", b"a\nb"), ("2", b"a\r\nb\r"), ("3", b"a\r\n"), ("4", b"")):
        (maildir.path / "new" / name).write_bytes(content)
    assert [mail.size for mail in maildir.mails()] == [6, 7, 3, 0]


def test_a_mail_that_cannot_be_read_does_not_hide_the_others(maildir, monkeypatch, caplog):
    broken = maildir.path / "new" / "1"
    broken.write_bytes(b"a\nb\n")
    (maildir.path / "new" / "2").write_bytes(b"c\n")

    def refuse(path, *arguments):  # root can read everything, so no mode would do it
        if Path(path) == broken:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return open(path, *arguments)

    monkeypatch.setattr("protocols.mail.maildir.open", refuse, raising=False)
    assert [(mail.identity, mail.size) for mail in maildir.mails()] == [("1", 4), ("2", 3)]
    assert len(maildir.mails()) == 2
    (record,) = caplog.records  # and no second one for the second listing
    assert str(broken) in record.getMessage()


def test_a_mail_that_cannot_be_deleted_does_not_keep_the_others(maildir, monkeypatch):
    for path in ("new/1", "new/2", "cur/3:2,", "cur/4:2,"):
        (maildir.path / path).write_bytes(b"a\n")
    unlink = os.unlink

    def refuse(path):
        if os.path.basename(path)[0] in "13":
            raise PermissionError(errno.EPERM, "Operation not permitted", path)
        unlink(path)

    monkeypatch.setattr(os, "unlink", refuse)
    with pytest.raises(DeletionError, match="Operation not permitted") as raised:
        maildir.delete("1234")
    assert (raised.value.errno, raised.value.deleted) == (errno.EPERM, ["2", "4"])
    assert names(maildir, "new") + names(maildir, "cur") == ["1", "3:2,"]


def test_a_mail_that_was_seen_has_the_same_identity(maildir):
    (stored,) = maildir.write([new_mail(maildir)])
    maildir.mark_seen(stored.identity)
    maildir.mark_seen(stored.identity)
    assert names(maildir, "cur") == [f"{stored.identity}:2,S"]
    assert maildir.mails() == [stored._replace(seen=True)]
    assert maildir.read(stored.identity).endswith(b"hello\r\n")


@pytest.mark.parametrize("identity", ["", ".", "..", "../new/x", "/etc/passwd", "a\0b"])
def test_an_identity_is_not_a_path(identity, maildir):
    (maildir.path / "x").write_bytes(b"secret")
    with pytest.raises(FileNotFoundError):
        maildir.read(identity)
    assert maildir.delete([identity]) == []


def test_old_files_in_tmp_are_removed(maildir):
    old, young = maildir.path / "tmp" / "old", maildir.path / "tmp" / "young"
    for path in (old, young):
        path.write_bytes(b"half a ma")
    os.utime(old, (0, 0))
    Maildir(maildir.path)
    assert names(maildir, "tmp") == ["young"]


def test_the_folder_is_synced_after_the_files_and_once_for_all(maildir, monkeypatch):
    calls = []
    sync, rename = os.fsync, os.rename

    def noted_sync(fd):
        kind = "folder" if os.path.isdir(f"/proc/self/fd/{fd}") else "file"
        calls.append(f"sync {kind}")
        sync(fd)

    def noted_rename(*arguments):
        calls.append("rename")
        rename(*arguments)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(os, "rename", noted_rename)
    maildir.write([new_mail(maildir) for _ in range(3)])
    assert calls == ["sync file", "rename"] * 3 + ["sync folder"]


@pytest.mark.parametrize("call", ["write", "fsync", "rename", "open"])
def test_a_mail_that_cannot_be_written_leaves_nothing(call, maildir, monkeypatch):
    mails = [new_mail(maildir) for _ in range(2)]
    real = getattr(os, call)
    failures = [True]

    def fail_once(*arguments, **more):
        if failures:
            failures.pop()
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*arguments, **more)

    monkeypatch.setattr(os, call, fail_once)
    failed, stored = maildir.write(mails)
    assert failed.errno == errno.ENOSPC
    assert maildir.mails() == [stored]
    assert names(maildir, "tmp") == []


def test_if_the_folder_cannot_be_synced_nothing_was_accepted(maildir, monkeypatch):
    mails = [new_mail(maildir) for _ in range(2)]
    real = os.fsync

    def fail(fd):
        if os.path.isdir(f"/proc/self/fd/{fd}"):
            raise OSError(errno.EIO, "Input/output error")
        real(fd)

    monkeypatch.setattr(os, "fsync", fail)
    assert [result.errno for result in maildir.write(mails)] == [errno.EIO] * 2
    assert maildir.mails() == []


def test_a_short_write_is_continued(maildir, monkeypatch):
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, bytes(data)[:5]))
    (stored,) = maildir.write([new_mail(maildir)])
    assert maildir.read(stored.identity).endswith(b"hello\r\n")


# -- with the server -------------------------------------------------------------------------------


@pytest.fixture
def store(reactor: VirtualReactor, maildir: Maildir) -> MailStore:
    return MailStore(reactor, maildir, HOSTNAME, clock=lambda: 1_700_000_000.0)


def test_250_comes_when_the_mail_is_on_the_disk(reactor, store, monkeypatch):
    events = []
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (events.append("sync"), sync(fd)))
    world = SMTPWorld(reactor, store.deliver)
    peer = world.begin()
    write = peer.transport.write
    protocol = peer.transport.get_protocol()
    monkeypatch.setattr(
        protocol, "send_reply", lambda reply: (events.append(reply.code), write(reply.data))
    )
    reply = world.ask(peer, b"Subject: tea\r\n\r\nhello\r\n.\r\n")
    assert events == ["sync", "sync", 250]
    (mail,) = store.maildir.mails()
    assert reply == f"250 2.0.0 Stored as {mail.identity.partition(',')[0]}\r\n"
    assert world.server.shared.memory.used == 0


def test_the_way_of_a_mail_is_the_one_that_the_package_describes(reactor, store):
    described = re.findall(r"``([A-Za-z]+\.[a-z_]+)``", protocols.mail.__doc__)
    described = [name for name in described if not name.endswith(".py")]
    calls = []

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            name = frame.f_code.co_qualname
            module = frame.f_globals["__name__"].rpartition(".")[2]
            calls.append(name if "." in name else f"{module}.{name}")

    peer = SMTPWorld(reactor, store.deliver).connect()
    threading.setprofile(note)  # for the thread that writes
    sys.setprofile(note)
    try:
        peer.send(b"EHLO a\r\n")
        reactor.settle()
        peer.send(b"MAIL FROM:<ada@example.com>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n")
        reactor.settle()
        peer.send(b"Subject: tea\r\n.\r\n")
        reactor.settle()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    rest = iter(calls)
    assert len(described) == 19
    for name in described:
        assert name in rest, name  # after the one before it
    assert codes(peer.read().decode()) == ["250", "250", "250", "354", "250"]


def test_mails_that_arrive_together_are_written_together(reactor, store, monkeypatch):
    batches = []
    write = store.maildir.write
    monkeypatch.setattr(
        store.maildir, "write", lambda mails: (batches.append(len(mails)), write(mails))[1]
    )
    world = SMTPWorld(reactor, store.deliver)
    peers = [world.begin() for _ in range(20)]
    for peer in peers:
        peer.send(b"x\r\n.\r\n")
    reactor.settle()
    assert batches == [20]
    assert [codes(peer.read().decode()) for peer in peers] == [["250"]] * 20
    assert len(store.maildir.mails()) == 20


def test_mails_that_arrive_while_others_are_written_are_the_next_batch(reactor, store, monkeypatch):
    batches, go_on = [], threading.Event()
    write = store.maildir.write

    def slow(mails):
        assert go_on.wait(20)
        batches.append(len(mails))
        return write(mails)

    monkeypatch.setattr(store.maildir, "write", slow)
    reactor.thread_timeout = 0
    world = SMTPWorld(reactor, store.deliver)
    peers = [world.begin() for _ in range(3)]
    for peer in peers:
        assert world.ask(peer, b"x\r\n.\r\n") == ""  # each in a turn of its own
    go_on.set()
    reactor.thread_timeout = 20
    reactor.settle()
    assert batches == [1, 2]
    assert [codes(peer.read().decode()) for peer in peers] == [["250"]] * 3


def test_clients_that_send_again_at_once_join_the_next_batch(reactor, store, monkeypatch):
    batches = []
    write = store.maildir.write

    def noted(mails):
        batches.append(len(mails))
        if batches == [5]:  # one more arrives meanwhile
            reactor.call_soon_threadsafe(late.send, b"x\r\n.\r\n")
            reactor.call_soon_threadsafe(reactor.call_soon, may_end.set)
            assert may_end.wait(20)
        return write(mails)

    may_end = threading.Event()
    monkeypatch.setattr(store.maildir, "write", noted)
    world = SMTPWorld(reactor, store.deliver)
    late, *peers = [world.begin() for _ in range(6)]
    for peer in peers:
        peer.send(b"x\r\n.\r\n")
    reactor.settle()
    assert [codes(peer.read().decode()) for peer in peers] == [["250"]] * 5
    for peer in peers:
        peer.send(b"MAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n")
        reactor.settle()
        peer.send(b"x\r\n.\r\n")
        reactor.settle()
    assert batches == [5]
    reactor.advance(GATHER_TIME)
    assert batches == [5, 6]
    assert codes(late.read().decode()) == ["250"]
    assert len(store.maildir.mails()) == 11


@pytest.mark.parametrize(
    ("error", "expected"), [(errno.ENOSPC, "452"), (errno.EDQUOT, "452"), (errno.EIO, "451")]
)
def test_a_full_disk_and_a_broken_one(error, expected, reactor, store, monkeypatch, caplog):
    def fail(*_):
        raise OSError(error, os.strerror(error))

    real = os.write
    world = SMTPWorld(reactor, store.deliver)
    peer = world.begin()
    monkeypatch.setattr(
        os, "write", lambda fd, data: fail() if b"hello" in data else real(fd, data)
    )
    assert codes(world.ask(peer, b"hello\r\n.\r\n")) == [expected]
    assert "cannot store mail" in caplog.text
    assert store.maildir.mails() == []
    monkeypatch.undo()
    world.ask(peer, b"MAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n")
    assert codes(world.ask(peer, b"x\r\n.\r\n")) == ["250"]


def test_a_client_that_leaves_while_its_mail_is_written(reactor, store):
    world = SMTPWorld(reactor, store.deliver)
    peer = world.begin()
    peer.send(b"x\r\n.\r\n")
    peer.close()
    reactor.settle()
    assert len(store.maildir.mails()) == 1
    assert world.server.shared.memory.used == 0


def test_watchers_are_told_what_comes_and_goes(reactor, store):
    seen = []
    stop = store.watch(lambda added, deleted: seen.append((len(added), list(deleted))))
    world = SMTPWorld(reactor, store.deliver)
    world.ask(world.begin(), b"x\r\n.\r\n")
    listed = store.mails()
    reactor.settle()
    (mail,) = listed.result()
    read = store.read(mail.identity)
    store.mark_seen(mail.identity)
    reactor.settle()
    assert read.result().endswith(b"x\r\n")
    store.delete([mail.identity])
    reactor.settle()
    stop()
    world.ask(world.begin(), b"x\r\n.\r\n")
    assert seen == [(1, []), (0, [mail.identity])]


# -- the fields that are added ---------------------------------------------------------------------


def fields(**more) -> str:
    envelope = Envelope(
        Address("ada", "example.com"),
        [Address("bob", "example.org")],
        hello="client.example",
        peer="192.0.2.1",
        protocol="ESMTP",
    )
    for name, value in more.items():
        setattr(envelope, name, value)
    return trace_fields(envelope, HOSTNAME, "42", 1_700_000_000).decode()


def test_trace_fields(monkeypatch):
    text = fields()
    date = text.rpartition("; ")[2]
    assert text == (
        "Return-Path: <ada@example.com>\n"
        "Delivered-To: bob@example.org\n"
        "Received: from client.example ([192.0.2.1])\n"
        "\tby mx.example.org with ESMTP id 42\n"
        f"\tfor <bob@example.org>; {date}"
    )
    assert date.endswith("\n")


def test_trace_fields_of_other_connections():
    text = fields(
        sender=Address("", ""),
        recipients=[Address("bob", "example.org"), Address("eve", "example.org")],
        peer="2001:db8::1",
        cipher="TLSv1.3 TLS_AES_256_GCM_SHA384",
        user="ada",
    )
    assert text.startswith("Return-Path: <>\nDelivered-To: bob@example.org\n")
    assert "([IPv6:2001:db8::1])\n\t(using TLSv1.3 TLS_AES_256_GCM_SHA384)\n" in text
    assert "\t(authenticated)\n" in text
    assert "\tfor <" not in text  # each recipient would learn of the others
    assert fields(peer="").count("(local)") == 1
