"""Reading mails that may be anything: nothing raises, and nothing takes long or grows deep."""

from __future__ import annotations

import encodings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.mail.web.charsets import decode
from protocols.mail.web.html import HTMLFacts, document, links_in_text, read_html
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


def test_a_header_that_is_too_long_ends_early():
    content = read_content(b"Subject: " + b"x" * 100_000 + b"\r\n\r\ntea")
    assert (content.text, content.problem) == ("tea", "")


def test_a_mail_without_a_header():
    content = read_content(b"\r\nSubject: tea\r\n")
    assert (content.headers, content.text) == ([], "Subject: tea\n")


def test_directions_of_writing_cannot_change_an_address():
    summary = summarize("From: Ada <\u202emoc.live@ada>\r\nSubject: \u202eaet\r\n\r\n".encode())
    assert summary.sender == "Ada <\ufffdmoc.live@ada>"
    assert summary.subject == "\u202eaet"  # the page isolates it


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


def test_parts_that_are_too_deep_are_reported():
    content = read_content(nested(25) + b"\r\ntea\r\n")
    assert content.problem.startswith("Not all parts are shown")


def test_a_notification_of_many_blocks():
    """The parser would make a part of each."""
    head = b"Content-Type: message/delivery-status\r\n\r\n"
    content = read_content(head + b"Action: failed\r\n\r\n" * 50_000)
    assert content.problem.startswith("Not all parts are shown")
    content = read_content(head + b"Action: failed\r\n\r\n" * 3)
    assert content.parts[0].data.count(b"Action: failed\r\n") == 3
    assert content.problem == ""


def test_a_mail_that_is_parsed_in_blocks_is_whole():
    text = b"".join(b"%d\r\n" % number for number in range(120_000))
    assert read_content(b"Subject: tea\r\n\r\n" + text).text == text.decode().replace("\r\n", "\n")


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


def test_a_mail_in_a_mail_is_unchanged():
    inner = b"Subject: " + b"long " * 30 + b"\r\n\r\nFrom here on\r\n"
    (part,) = read_content(b"Content-Type: message/rfc822\r\n\r\n" + inner).parts
    assert part.data == inner


# -- charsets --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("charset", "data", "text"),
    [
        ("UTF-8", b"t\xc3\xab", "të"),
        ("us-ascii", b"t\xc3\xab", "të"),
        ("ISO-8859-1", b"t\xeb \x80", "të €"),
        ("windows-1251", b"\xf7\xe0\xe9", "чай"),
        ("GB2312", b"\xb2\xe8", "茶"),
        ("ks_c_5601-1987", b"\xc2\xf7", "차"),
        ("iso-2022-jp", b"\x1b$BCc\x1b(B", "茶"),
        ("koi8-u", b"\xde\xc1\xca", "чай"),
        ("zlib", b"tea", "tea"),
        ("punycode", b"tea-", "tea-"),
        ("idna", b"xn--tea", "xn--tea"),
        ("unicode_escape", b"\\x41", "\\x41"),
        ("undefined", b"tea", "tea"),
        ("", b"tea", "tea"),
        ("\xff" * 100, b"tea", "tea"),
    ],
)
def test_charsets(charset, data, text):
    assert decode(data, charset) == text


def test_unknown_charsets_are_not_remembered():
    """Python does: a mail could name thousands."""
    known = len(encodings._cache)
    words = " ".join(f"=?unknown-{number}?q?a?=" for number in range(20))
    read_content(
        f"Subject: {words}\r\nContent-Type: text/plain; charset*=unknown-20''unknown-21\r\n"
        "Content-Disposition: attachment; filename*=unknown-22''tea.txt\r\n\r\n\xff".encode(
            "latin-1"
        )
    )
    assert len(encodings._cache) == known


def test_no_charset_takes_long():
    """With "punycode" the time is quadratic: this would take a quarter of an hour."""
    data = b"Content-Type: text/plain; charset=punycode\r\n\r\n" + (b"b" * 900 + b"\r\n") * 6000
    assert read_content(data).text.startswith("b" * 900 + "\n")


def test_the_name_of_a_file_in_another_charset():
    head = b"Content-Disposition: attachment; filename*=windows-1251''%F7%E0%E9.txt\r\n\r\n"
    assert read_content(head).parts[0].name == "чай.txt"


# -- HTML ------------------------------------------------------------------------------------------


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


def test_a_number_that_python_refuses_to_read():
    html = f"<a href='http://x/&#{'9' * 5000};'>tea</a>&#{'9' * 5000};"
    assert read_html(html).text.startswith("tea")
    assert summarize(b"Content-Type: text/html\r\n\r\n" + html.encode()).snippet.startswith("tea")


def test_svg_cannot_give_a_link_another_address():
    html = "<svg><a><set attributeName='href' to='http://x'/><AnimateTransform /></a></svg>"
    assert document(html, []).startswith(
        b"<svg><a><x-set attributeName='href' to='http://x'/><x-Anim"
    )


def test_links_in_a_text():
    text = (
        "See https://a.example/x?y=1. Or (http://b.example/), http://c.example/z_(d)! javascript:no"
    )
    found = [address for address, _ in links_in_text(text + text)]
    assert found == ["https://a.example/x?y=1", "http://b.example/", "http://c.example/z_(d)"]
    assert len(links_in_text(" ".join(f"http://{number}.example" for number in range(999)))) == 100
