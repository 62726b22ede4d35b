"""Keys that only full-screen programs use, and the key Escape itself."""

from protocols.console.terminal import Key, KeyDecoder, LineEditor


def test_pages_are_keys() -> None:
    assert list(KeyDecoder().feed(b"\x1b[5~\x1b[6~")) == [Key.PAGE_UP, Key.PAGE_DOWN]


def test_escape_alone_is_a_key_when_nothing_follows() -> None:
    keys = KeyDecoder()

    assert list(keys.feed(b"a\x1b")) == ["a"]
    assert keys.after_escape
    assert list(keys.end_sequence()) == [Key.ESCAPE]
    assert not keys.after_escape
    assert list(keys.feed(b"[A")) == ["[", "A"]
    assert list(keys.end_sequence()) == []


def test_escape_in_pasted_text_is_not_a_key() -> None:
    keys = KeyDecoder()

    assert list(keys.feed(b"\x1b[200~a\x1b")) == ["a"]
    assert list(keys.end_sequence()) == []
    assert list(keys.feed(b"[201~b")) == ["b"]


def test_the_rest_of_a_sequence_may_come_later() -> None:
    keys = KeyDecoder()

    assert list(keys.feed(b"\x1b[")) == []
    assert not keys.after_escape
    assert list(keys.feed(b"A")) == [Key.UP]


def test_a_line_editor_ignores_keys_that_it_does_not_have() -> None:
    editor = LineEditor()
    editor.replace("text")

    assert editor.feed(b"\x1b[5~\x1b[6~s") == []
    assert editor.press(Key.ESCAPE) is None
    assert editor.text == "texts"
