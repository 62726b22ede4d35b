"""Parts without a connection: line endings, Telnet, replies, accounts, the log's lines."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.ftp.accounts import AccountLine, parse_account, read_accounts
from protocols.ftp.ascii import ToLocal, ToNetwork
from protocols.ftp.files import SourceFile, TextReader
from protocols.ftp.paths import PathError, parse_path, quote_path, show_path
from protocols.ftp.replies import render_reply
from protocols.ftp.targets import ContinuedFile
from protocols.ftp.telnet import TelnetFilter
from protocols.ftp.transferlog import TransferLog
from protocols.passwords import PasswordHash, PasswordsError
from protocols.rooted import Root
from reactor.testing import VirtualReactor

LINE_BYTES = st.lists(st.sampled_from([b"\r", b"\n", b"a", b"\r\n"]), max_size=12).map(b"".join)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return [data[i:j] for i, j in pairwise(places)]


CUTS = st.lists(st.integers(0, 20), max_size=5)


@given(LINE_BYTES, CUTS)
def test_line_endings_do_not_depend_on_the_pieces(data: bytes, cuts: list[int]) -> None:
    network, local = ToNetwork(), ToLocal()
    sent = b"".join(map(network.convert, pieces(data, cuts)))
    assert sent == ToNetwork().convert(data)
    assert b"\n" not in sent.replace(b"\r\n", b"")
    stored = b"".join(map(local.convert, pieces(sent, cuts))) + local.end()
    assert stored == data.replace(b"\r\n", b"\n")


@given(LINE_BYTES)
def test_text_is_the_same_after_both_ways(data: bytes) -> None:
    text = data.replace(b"\r", b"")
    local = ToLocal()
    assert local.convert(ToNetwork().convert(text)) + local.end() == text


TELNET = {
    b"NOOP\r\n": (b"NOOP\r\n", b""),
    b"\xff\xf4\xff\xf2ABOR\r\n": (b"ABOR\r\n", b""),
    b"a\xff\xffb": (b"a\xffb", b""),
    b"\xff\xfd\x06x": (b"x", b"\xff\xfc\x06"),  # DO is answered by WONT
    b"\xff\xfb\x18x": (b"x", b"\xff\xfe\x18"),  # WILL by DONT
    b"\xff\xfc\x01\xff\xfe\x01x": (b"x", b""),  # refusals are not answered
    b"\xff": (b"", b""),
    b"a\xff b": (b"a\xff b", b""),
}


@given(st.sampled_from(sorted(TELNET)), CUTS)
def test_telnet_commands_are_taken_out(data: bytes, cuts: list[int]) -> None:
    telnet = TelnetFilter()
    results = [telnet.feed(piece) for piece in pieces(data, cuts)]
    assert (b"".join(r[0] for r in results), b"".join(r[1] for r in results)) == TELNET[data]


def test_replies_of_several_lines() -> None:
    assert render_reply(200, "OK") == b"200 OK\r\n"
    assert render_reply(211, "a", "211 x", "End") == b"211-a\r\n 211 x\r\n211 End\r\n"


def test_a_reply_cannot_be_split() -> None:
    assert render_reply(550, "a\r\n226 b\x1b[0m") == b"550 a??226 b?[0m\r\n"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", (b"here",)),
        ("a", (b"here", b"a")),
        ("/", ()),
        ("/a//b/./c/", (b"a", b"b", b"c")),
        ("../../../etc/passwd", (b"etc", b"passwd")),
        ("..", ()),
        ("a/../..", ()),
        ("...", (b"here", b"...")),
        ("a\\..\\b", (b"here", b"a\\..\\b")),
        ("caf\u00e9", (b"here", b"caf\xc3\xa9")),
        ("\udcff", (b"here", b"\xff")),
    ],
)
def test_paths(text: str, names: tuple[bytes, ...]) -> None:
    assert parse_path(text, (b"here",)) == names


@pytest.mark.parametrize("text", ["a\0", "a\nb", "\r"])
def test_names_that_no_line_can_contain(text: str) -> None:
    with pytest.raises(PathError):
        parse_path(text, ())


def test_paths_are_shown_and_quoted() -> None:
    assert show_path((b"a", b"\xff")) == "/a/\udcff"
    assert quote_path((b'say "hi"',)) == '"/say ""hi"""'


HASH = PasswordHash(2, 1, 1, b"s", b"d")


@pytest.mark.parametrize(
    ("rest", "folder", "writable"),
    [("", None, False), (":rw", None, True), (":/srv", "/srv", False), (":a:b:rw", "a:b", True)],
)
def test_accounts(rest: str, folder: str | None, writable: bool) -> None:
    assert parse_account(f"ada:{HASH}{rest}") == AccountLine("ada", HASH, folder, writable)


@pytest.mark.parametrize("text", ["", "ada", "ada:tea", f":{HASH}", f"ada:{HASH}:", "a\x1bb:x"])
def test_accounts_that_are_wrong(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_account(text)


def test_a_file_of_accounts(tmp_path: Path) -> None:
    path = tmp_path / "users"
    path.write_text(f"# ours\n\nada:{HASH}:rw\nbob:{HASH}:sub\n")
    assert [account.name for account in read_accounts(path)] == ["ada", "bob"]
    path.write_text(f"ada:{HASH}\nbob:tea\n")
    with pytest.raises(PasswordsError, match="users, line 2: "):
        read_accounts(path)


def test_the_log_has_a_line_for_each_transfer(
    reactor: VirtualReactor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "UTC")
    import time

    time.tzset()
    log = TransferLog(reactor, str(tmp_path / "log"), clock=lambda: 971_186_136.0)
    log.write(duration=1.6, host="192.0.2.1", size=3, path="/a b\n\udcff", ascii_type=False,
              upload=False, user="", complete=True)  # fmt: skip
    log.write(duration=0, host="::1", size=0, path="/x", ascii_type=True, upload=True,
              user="ada l", complete=False)  # fmt: skip
    log.close()
    monkeypatch.undo()
    time.tzset()
    assert (tmp_path / "log").read_text().splitlines() == [
        r"Tue Oct 10 13:55:36 2000 2 192.0.2.1 3 /a_b\x0A\xFF b _ o a anonymous ftp 0 * c",
        "Tue Oct 10 13:55:36 2000 0 ::1 0 /x a _ i r ada_l ftp 0 * i",
    ]


@given(st.lists(st.sampled_from([b"\n", b"\r\n", b"ab"]), max_size=8).map(b"".join),
       st.integers(0, 20))  # fmt: skip
def test_an_offset_in_text_counts_what_is_sent(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, offset: int
) -> None:
    folder = tmp_path_factory.mktemp("text")
    (folder / "f").write_bytes(data)
    root = Root(folder)
    sent = ToNetwork().convert(data)
    reader = TextReader(SourceFile(root, (b"f",)), offset)
    assert b"".join(iter(reader.read, b"")) == sent[offset:]
    reader.close()
    inside = offset <= len(sent) and sent[offset - 1 : offset + 1] != b"\r\n"
    if not offset:
        return
    try:
        target = ContinuedFile(root, (b"f",), offset, True)
    except ValueError:
        assert not inside or b"\r\n" in data
    else:
        target.write(b"X")
        target.finish()
        assert ToNetwork().convert((folder / "f").read_bytes()) == sent[:offset] + b"X"
    root.close()
