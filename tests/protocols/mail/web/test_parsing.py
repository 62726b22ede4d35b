"""Reading mails that may be anything: nothing raises, and nothing takes long or grows deep."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.mail.web.html import HTMLFacts, document, read_html
from protocols.mail.web.parsing import MAX_PARTS, read_content, summarize

from .mails import with_html

WHOLE = bytes(with_html("<p>Hi</p>"))


def nested(depth: int) -> bytes:
    """Parts in parts in parts."""
    return b"".join(
        b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (number, number)
        for number in range(depth)
    )


@pytest.mark.parametrize("size", [0, 1, 30, 200, 500, 800, len(WHOLE) - 1])
def test_a_mail_that_was_cut(size):
    read_content(WHOLE[:size])
    summarize(WHOLE[:size])


@given(st.binary(max_size=300), st.integers(0, len(WHOLE)))
def test_any_bytes_in_a_mail(junk, place):
    data = WHOLE[:place] + junk + WHOLE[place + len(junk) :]
    read_content(data)
    summarize(data)


@pytest.mark.parametrize(
    ("head", "body", "text"),
    [
        ("Content-Type: text/plain; charset=nonsense", b"t\xc3\xab", "të"),
        ("Content-Type: text/plain; charset=zip", b"tea", "tea"),
        ("Content-Type: text/plain; charset=iso-8859-1", b"t\xeb", "të"),
        ("Content-Transfer-Encoding: base64", b"!!!", ""),
        ("Content-Transfer-Encoding: x-uuencode", b"begin 666 x\r\n~", None),
        ("Content-Type: /", b"tea", "tea"),
        ("Content-Type: multipart/mixed", b"tea", "tea"),
        ("Subject: no colon\r\nnonsense", b"tea", None),
        ("Content-Type: text/plain; charset*=a'b", b"tea", "tea"),
    ],
)
def test_malformed_mails_show_what_can_be_shown(head, body, text):
    content = read_content(head.encode() + b"\r\n\r\n" + body)
    assert text is None or content.text == text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("=?utf-8?q?J=C3=B6?= <j@x>", "Jö <j@x>"),
        ("=?nonsense?q?J=C3=B6?=", "Jö"),
        ("=?utf-8?b?!!!?= tea", "tea"),
        ("a\x00\x1b[31mb", "a\ufffd\ufffd[31mb"),
        ("t\xeb =?utf-8?q?=C3=AB?=", "të ë"),
    ],
)
def test_fields(value, shown):
    data = f"Subject: {value}\r\n\r\n".encode()
    assert summarize(data).subject == shown


def test_a_long_field_is_cut():
    assert len(summarize(b"Subject: " + b"x" * 1_000_000).subject) == 300


def test_recipients_of_the_envelope_are_searched_and_not_shown():
    summary = summarize(
        b"Delivered-To: Eve@example.org\r\nDelivered-To: joe@example.org\r\n"
        b"X-Original-To: ann@example.org\r\nTo: all@example.org\r\n\r\n"
    )
    assert summary.to == "all@example.org"
    for name in ("all", "eve", "joe", "ann"):
        assert f"{name}@example.org" in summary.searched[1]


def test_deeply_nested_parts_are_left_out():
    content = read_content(nested(30) + b"\r\ntea\r\n")
    assert content.parts == []
    content = read_content(nested(600))
    assert content.problem.startswith("The mail has too many")
    assert content.text


def test_many_parts_are_cut():
    data = b"Content-Type: multipart/mixed; boundary=a\r\n\r\n"
    content = read_content(data + b"--a\r\nContent-Type: a/b\r\n\r\nx\r\n" * (MAX_PARTS + 5))
    assert len(content.parts) == MAX_PARTS
    assert content.problem


def test_a_mail_in_a_mail_is_an_attachment():
    content = read_content(b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ntea\r\n")
    (part,) = content.parts
    assert (part.name, part.media_type) == ("mail.eml", "message/rfc822")
    assert part.data.startswith(b"Subject: inner")


def test_names_of_files_have_no_folders():
    head = b'Content-Disposition: attachment; filename="../../\xe2\x80\xaeetc/pass\\wd"\r\n\r\n'
    assert read_content(head).parts[0].name == "wd"


def test_what_is_in_html():
    html = (
        "<head><title>T</title><style>@import 'http://a'; p {background: url(//x)}</style></head>"
        "Hi &amp; <b>y</b>ou <a href='http://x/?a=1&amp;b=2'>click <i>me</i></a>"
        '<img src="https://e/x.png"><img src=cid:x><a href="javascript:x()">no</a><!-- <a> -->'
    )
    facts = read_html(html)
    assert facts.text.split() == ["Hi", "&", "you", "click", "me", "no"]
    assert facts.links == [("http://x/?a=1&b=2", "click me")]
    assert facts.remote == 3


@given(st.text(alphabet="<>/!-\"'= ahrefscipt", max_size=200))
def test_any_html(html):
    assert isinstance(read_html(html), HTMLFacts)
    document(html, [])
