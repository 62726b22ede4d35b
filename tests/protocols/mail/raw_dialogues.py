# ruff: noqa: E501 (one line, one case)
"""Raw dialogues and the replies that they must get: one line, one case.

A step is what the client sends, and the beginnings of the replies: ``(b"NOOP", "250 2.0.0")``. CR LF
is added to a step unless it ends with one already, or is ``Exact``. Each case begins after the
greeting, with EHLO unless it is ``bare``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from protocols.mail import Limits

HELLO = (b"EHLO client.example", "250")
MAIL = (b"MAIL FROM:<ada@example.com>", "250 2.1.0")
RCPT = (b"RCPT TO:<bob@example.org>", "250 2.1.5")
DATA = (b"DATA", "354")
STORED = "250 2.0.0"
OPEN = (MAIL, RCPT, DATA)
ANY: dict[str, Any] = {"settings": {"auth_any": True}}


class Exact(bytes):
    """Sent as it is."""


@dataclass(frozen=True)
class Case:
    """``contents``: of the messages that are accepted; ``senders`` and ``recipients``: of the
    first. ``closed``: whether the server closes. ``settings``: for ``Settings``."""

    name: str
    steps: tuple[tuple[bytes, *tuple[str, ...]], ...]
    contents: tuple[bytes, ...] = ()
    closed: bool = False
    bare: bool = False
    sender: str | None = None
    recipients: tuple[str, ...] | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    @property
    def all_steps(self) -> tuple[tuple[bytes, *tuple[str, ...]], ...]:
        return self.steps if self.bare else (HELLO, *self.steps)


def one(name: str, line: bytes, *replies: str, **more: Any) -> Case:
    """One command after EHLO."""
    return Case(name, ((line, *replies),), **more)


def bare(name: str, *steps: tuple[bytes, *tuple[str, ...]], **more: Any) -> Case:
    return Case(name, steps, bare=True, **more)


def sender(path: bytes, address: str | None = None) -> Case:
    """A path that MAIL accepts; it becomes ``address``."""
    text = path.decode()
    steps = ((b"MAIL FROM:" + path + b" SMTPUTF8", "250 2.1.0"), RCPT, DATA, (b".", STORED))
    return Case(
        f"sender {text[:60]}", steps, (b"",), sender=text[1:-1] if address is None else address
    )


def bad_sender(path: bytes, reply: str = "501 5.1.7") -> Case:
    return one(f"no sender {path[:60]!r}", b"MAIL FROM:" + path, reply)


def content(name: str, data: bytes, stored: bytes) -> Case:
    """What is sent after DATA is stored."""
    return Case(name, (*OPEN, (Exact(data), STORED), (b"NOOP", "250")), (stored,))


def refused(name: str, data: bytes, reply: str = "550 5.6.0") -> Case:
    """What is sent after DATA is refused as a whole, and the connection continues."""
    return Case(name, (*OPEN, (Exact(data), reply), (b"NOOP", "250")))


def chunks(name: str, *steps: tuple[bytes, *tuple[str, ...]], **more: Any) -> Case:
    return Case(name, (MAIL, RCPT, *steps, (b"NOOP", "250")), **more)


SMUGGLED = b"MAIL FROM:<admin@example.org>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nevil"

CASES = [
    # -- beginning (RFC 5321 section 4.1.1.1) --
    bare("EHLO", (b"EHLO client.example", "250-", "250-PIPELINING", "250-SIZE 33554432", "250-8BITMIME", "250-SMTPUTF8", "250-ENHANCEDSTATUSCODES", "250 CHUNKING")),
    bare("HELO", (b"HELO client.example", "250 mx.example.org")),
    bare("commands in any case", (b"eHlO client.example", "250"), (b"nOOp", "250")),
    bare("EHLO with an address", (b"EHLO [192.0.2.1]", "250")),
    bare("EHLO with an IPv6 address", (b"EHLO [IPv6:2001:db8::1]", "250")),
    bare("EHLO with an underscore", (b"EHLO my_machine", "250")),
    bare("EHLO beyond ASCII", ("EHLO bücher.example".encode(), "250")),
    bare("EHLO without a name", (b"EHLO", "501 5.5.4")),
    bare("EHLO with two names", (b"EHLO a b", "501 5.5.4")),
    bare("EHLO with what could forge Received", (b"EHLO a(b)", "501 5.5.4")),
    bare("a space at the end of a line is ignored", (b"EHLO a ", "250"), (b"NOOP ", "250")),
    bare("MAIL before EHLO", (b"MAIL FROM:<a@example.com>", "503 5.5.1")),
    bare("NOOP, RSET, VRFY, HELP and QUIT before EHLO", (b"NOOP", "250"), (b"RSET", "250"), (b"VRFY bob", "252"), (b"HELP", "214"), (b"QUIT", "221 2.0.0"), closed=True),
    one("EHLO again forgets the message", b"EHLO other.example", "250"),
    Case("EHLO within a message", (MAIL, (b"EHLO other.example", "250"), (b"RCPT TO:<bob@example.org>", "503 5.5.1"))),
    bare("LHLO is not SMTP", (b"LHLO a", "500 5.5.2")),
    # -- syntax of commands --
    one("an unknown command", b"FROB", "500 5.5.2"),
    one("an empty line", b"", "500 5.5.2"),
    one("a bare LF", Exact(b"NOOP\n"), "500 5.5.2"),
    one("a bare CR", Exact(b"NOOP\rNOOP\r\n"), "500 5.5.2"),
    one("not UTF-8", b"NOOP \xff", "500 5.5.2"),
    one("a line that is too long", b"NOOP " + b"x" * 3000, "500 5.5.2"),
    one("the longest line", b"NOOP " + b"x" * (2048 - 7), "250 2.0.0"),
    one("one byte more", b"NOOP " + b"x" * (2048 - 6), "500 5.5.2"),
    one("NOOP with an argument", b"NOOP hello", "250 2.0.0"),
    one("RSET with an argument", b"RSET now", "501 5.5.4"),
    one("DATA with an argument", b"DATA now", "501 5.5.4"),
    one("QUIT with an argument", b"QUIT now", "501 5.5.4"),
    one("VRFY tells nothing", b"VRFY bob", "252 2.5.0"),
    one("VRFY without an address", b"VRFY", "501 5.5.4"),
    one("EXPN", b"EXPN list", "502 5.5.1"),
    one("TURN", b"TURN", "502 5.5.1"),
    one("STARTTLS without a certificate", b"STARTTLS", "502 5.5.1"),
    one("AUTH without users", b"AUTH PLAIN AGEAYg==", "502 5.5.1"),
    *(
        one(f"MAIL with AUTH={value}", f"MAIL FROM:<a@b.c> AUTH={value}".encode(), reply, **ANY)
        for value, reply in (
            ("<>", "250"),
            ("e+3Dmc2@example.com", "250"),
            ("+ZZ", "501 5.5.4"),
            ("a+2", "501 5.5.4"),
            ("a+", "501 5.5.4"),
        )
    ),
    bare("HTTP", (b"POST / HTTP/1.1", "554 5.5.0"), closed=True),
    # -- MAIL --
    sender(b"<>"),
    sender(b"<ada@example.com>"),
    sender(b"<Ada.Lovelace+tag@EXAMPLE.com>"),
    sender(b'<"ada lovelace"@example.com>'),
    sender(b'<"a>b\\"c"@example.com>'),
    sender(b"<ada@[192.0.2.1]>"),
    sender(b"<ada@[IPv6:2001:db8::1]>"),
    sender(b"<@relay.example,@other.example:ada@example.com>", "ada@example.com"),
    sender("<jürgen@bücher.example>".encode()),
    sender(b"<postmaster>"),
    sender(b"<" + b"a" * 64 + b"@example.com>"),
    bad_sender(b""),
    bad_sender(b"ada@example.com"),
    bad_sender(b"<ada@example.com"),
    bad_sender(b"<ada>"),
    bad_sender(b"<@example.com>"),
    bad_sender(b"<ada@>"),
    bad_sender(b"<a..b@example.com>"),
    bad_sender(b"<.a@example.com>"),
    bad_sender(b"<ada@-example.com>"),
    bad_sender(b"<ada@example..com>"),
    bad_sender(b"<ada@[300.0.0.1]>"),
    bad_sender(b"<ada lovelace@example.com>"),
    bad_sender(b"<ada@example.com\x00>"),
    bad_sender(b"<ada@exam\rple.com>", "500 5.5.2"),
    bad_sender("<ada@example.com\u2028>".encode()),
    bad_sender("<ada\u2066@example.com>".encode()),
    bad_sender("<ada@exam\u200fple.com>".encode()),
    bad_sender("<ada@example.com\u0085>".encode()),
    bad_sender(b"<" + b"a" * 65 + b"@example.com>"),
    bad_sender(b"<a@" + b"b" * 63 + b"." + b"c" * 200 + b">"),
    bad_sender("<jürgen@example.com>".encode(), "553 5.6.7"),
    Case("a space after the colon", ((b"MAIL FROM: <ada@example.com>", "250"), (b"RCPT TO: <bob@example.org>", "250"))),
    Case("FROM in any case", ((b"mail from:<ada@example.com>", "250"), (b"rcpt to:<bob@example.org>", "250"))),
    one("MAIL TO", b"MAIL TO:<ada@example.com>", "501 5.1.7"),
    Case("MAIL twice", (MAIL, (b"MAIL FROM:<eve@example.com>", "503 5.5.1"))),
    Case("MAIL after RSET", (MAIL, (b"RSET", "250"), MAIL)),
    # -- parameters (RFC 1870, RFC 6152, RFC 6531) --
    one("SIZE", b"MAIL FROM:<a@example.com> SIZE=1000", "250"),
    one("SIZE of the limit", b"MAIL FROM:<a@example.com> SIZE=33554432", "250"),
    one("SIZE beyond the limit", b"MAIL FROM:<a@example.com> SIZE=33554433", "552 5.3.4"),
    one("SIZE with 30 digits", b"MAIL FROM:<a@example.com> SIZE=" + b"9" * 30, "501 5.5.4"),
    one("SIZE without a value", b"MAIL FROM:<a@example.com> SIZE", "501 5.5.4"),
    one("SIZE that is no number", b"MAIL FROM:<a@example.com> SIZE=+5", "501 5.5.4"),
    one("BODY", b"MAIL FROM:<a@example.com> BODY=8BITMIME", "250"),
    one("BODY in any case", b"MAIL FROM:<a@example.com> body=7bit", "250"),
    one("BODY=BINARYMIME is not offered", b"MAIL FROM:<a@example.com> BODY=BINARYMIME", "501 5.5.4"),
    one("SMTPUTF8", b"MAIL FROM:<a@example.com> SMTPUTF8", "250"),
    one("SMTPUTF8 with a value", b"MAIL FROM:<a@example.com> SMTPUTF8=1", "501 5.5.4"),
    one("a parameter twice", b"MAIL FROM:<a@example.com> SIZE=1 SIZE=2", "501 5.1.7"),
    one("an unknown parameter", b"MAIL FROM:<a@example.com> RET=FULL", "555 5.5.4"),
    one("what is no parameter", b"MAIL FROM:<a@example.com> =", "501 5.1.7"),
    bare("parameters after HELO", (b"HELO a", "250"), (b"MAIL FROM:<a@example.com> SIZE=1", "555 5.5.4")),
    Case("a parameter of RCPT", (MAIL, (b"RCPT TO:<bob@example.org> NOTIFY=NEVER", "555 5.5.4"))),
    # -- RCPT --
    one("RCPT before MAIL", b"RCPT TO:<bob@example.org>", "503 5.5.1"),
    Case("RCPT without an address", (MAIL, (b"RCPT TO:<>", "501 5.1.3"))),
    Case("postmaster", (MAIL, (b"RCPT TO:<Postmaster>", "250"), DATA, (b".", STORED)), (b"",), recipients=("Postmaster",), settings={"domains": ["example.org"]}),
    Case("many recipients", (MAIL, RCPT, (b"RCPT TO:<eve@example.org>", "250"), DATA, (b".", STORED)), (b"",), recipients=("bob@example.org", "eve@example.org")),
    Case("a recipient beyond ASCII", ((b"MAIL FROM:<> SMTPUTF8", "250"), ("RCPT TO:<jürgen@example.org>".encode(), "250"))),
    Case("a recipient beyond ASCII without SMTPUTF8", (MAIL, ("RCPT TO:<jürgen@example.org>".encode(), "553 5.6.7"))),
    # -- never a relay --
    *(
        Case(f"relay {address.decode()}", (MAIL, (b"RCPT TO:<" + address + b">", reply)), settings={"domains": ["example.org", "bücher.example"]})
        for address, reply in [
            (b"bob@example.org", "250"),
            (b"bob@EXAMPLE.ORG", "250"),
            (b"bob@xn--bcher-kva.example", "250"),
            (b"bob@example.net", "550 5.7.1"),
            (b"bob@sub.example.org", "550 5.7.1"),
            (b"bob@example.org.example.net", "550 5.7.1"),
            (b"bob@notexample.org", "550 5.7.1"),
            (b"@example.org:bob@example.net", "550 5.7.1"),
            (b'"bob@example.org"@example.net', "550 5.7.1"),
            (b"bob%example.org@example.net", "550 5.7.1"),
            (b"example.org!bob@example.net", "550 5.7.1"),
            (b"bob@[127.0.0.1]", "550 5.7.1"),
            (b"bob@[192.0.2.2]", "550 5.7.1"),
            (b"bob%example.net@example.org", "250"),  # a mailbox here, whatever its name means elsewhere
        ]
    ),
    # -- DATA --
    one("DATA before MAIL", b"DATA", "503 5.5.1"),
    Case("DATA before RCPT", (MAIL, (b"DATA", "503 5.5.1"))),
    Case("DATA after a refused RCPT", (MAIL, (b"RCPT TO:<>", "501"), (b"DATA", "503 5.5.1"))),
    content("an empty message", b".\r\n", b""),
    content("a message", b"Subject: tea\r\n\r\nhello\r\n.\r\n", b"Subject: tea\r\n\r\nhello\r\n"),
    content("dots are removed", b"..\r\n..a\r\n.b\r\n...\r\n.\r\n", b".\r\n.a\r\nb\r\n..\r\n"),
    content("dots within lines stay", b"a.\r\n a.b\r\n.\r\n", b"a.\r\n a.b\r\n"),
    content("8 bits", b"\xff\xfe\x80\r\n.\r\n", b"\xff\xfe\x80\r\n"),
    content("NUL", b"a\0b\r\n.\r\n", b"a\0b\r\n"),
    content("the longest line", b"x" * 998 + b"\r\n.\r\n", b"x" * 998 + b"\r\n"),
    content("the longest line, with a dot that does not count", b".." + b"x" * 997 + b"\r\n.\r\n", b"." + b"x" * 997 + b"\r\n"),
    refused("a line that is too long", b"x" * 999 + b"\r\n.\r\n"),
    refused("a much longer line", b"x" * 99_999 + b"\r\n.\r\n"),
    refused("a long line that ends like the data", b"x" * 2000 + b".\r\n.\r\n"),
    Case("two messages", (*OPEN, (b"one\r\n.", STORED), *OPEN, (b"two\r\n.", STORED)), (b"one\r\n", b"two\r\n")),
    # -- limits, and the reasons that the client is told --
    Case("too many messages", (*OPEN, (b"one\r\n.", STORED), (MAIL[0], "421 4.7.0 Too many messages")), (b"one\r\n",), closed=True, settings={"limits": Limits(messages=1)}),
    Case("too many commands", ((b"NOOP", "250"), (b"NOOP", "421 4.7.0 Too many commands without mail")), closed=True, settings={"limits": Limits(commands=2)}),
    Case("too many errors", ((b"FROB", "500"), (b"FROB", "421 4.7.0 Too many errors")), closed=True, settings={"limits": Limits(errors=1)}),
    Case("too many chunks that are tiny", (MAIL, RCPT, *[(Exact(b"BDAT 1\r\nx"), "250")] * 100, (Exact(b"BDAT 1\r\nx"), "421 4.7.0 Too many small chunks")), closed=True),
    # -- what does not end the data: SMTP smuggling --
    *(
        refused(f"smuggling with {end!r}", b"x" + end + SMUGGLED + b"\r\n.\r\n")
        for end in [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\n.\r", b"\r\n\0.\n", b"\r\n.\r\r\n", b"\r\r\n.\n"]
    ),
    content("a dot with NUL does not end the data", b"a\r\n\0.\r\nb\r\n.\r\n", b"a\r\n\0.\r\nb\r\n"),
    content("a dot with a space does not end the data", b"a\r\n. \r\nb\r\n.\r\n", b"a\r\n \r\nb\r\n"),
    refused("a bare CR before the end", b"a\r\r\n.\r\n"),
    refused("a bare LF in the first line", b"\n.\r\n.\r\n"),
    # -- BDAT (RFC 3030) --
    chunks("one chunk", (Exact(b"BDAT 7 LAST\r\nhello\r\n"), STORED), contents=(b"hello\r\n",)),
    chunks("last in any case", (Exact(b"bdat 7 last\r\nhello\r\n"), STORED), contents=(b"hello\r\n",)),
    chunks("two chunks", (Exact(b"BDAT 3\r\nhel"), "250 2.0.0"), (Exact(b"BDAT 4 LAST\r\nlo\r\n"), STORED), contents=(b"hello\r\n",)),
    chunks("CR and LF in two chunks", (Exact(b"BDAT 6\r\nhello\r"), "250"), (Exact(b"BDAT 1 LAST\r\n\n"), STORED), contents=(b"hello\r\n",)),
    chunks("an empty last chunk", (Exact(b"BDAT 7\r\nhello\r\n"), "250"), (b"BDAT 0 LAST", STORED), contents=(b"hello\r\n",)),
    chunks("an empty message in a chunk", (b"BDAT 0 LAST", STORED), contents=(b"",)),
    chunks("chunks in one go", (Exact(b"BDAT 1\r\naBDAT 1\r\nbBDAT 2 LAST\r\n\r\n"), "250", "250", STORED), contents=(b"ab\r\n",)),
    chunks("dots in chunks stay, and end nothing", (Exact(b"BDAT 12 LAST\r\na\r\n.\r\n..b\r\nc"), STORED), contents=(b"a\r\n.\r\n..b\r\nc\r\n",)),
    chunks("a bare LF in a chunk", (Exact(b"BDAT 4 LAST\r\na\nb\n"), "550 5.6.0")),
    chunks("a bare CR at the end of the last chunk", (Exact(b"BDAT 2 LAST\r\na\r"), "550 5.6.0")),
    chunks("a refused chunk, and the next one", (Exact(b"BDAT 4\r\na\n\r\n"), "550 5.6.0"), (Exact(b"BDAT 6 LAST\r\nNOOP\r\n"), "503 5.5.1")),
    chunks("MAIL between chunks", (Exact(b"BDAT 2\r\na\r"), "250"), (b"MAIL FROM:<a@example.com>", "503 5.5.1"), (b"RSET", "250")),
    chunks("RCPT between chunks", (Exact(b"BDAT 2\r\na\r"), "250"), (b"RCPT TO:<eve@example.org>", "503 5.5.1"), (b"RSET", "250")),
    chunks("DATA between chunks", (Exact(b"BDAT 2\r\na\r"), "250"), (b"DATA", "503 5.5.1")),
    one("a chunk without a sender is read and discarded", Exact(b"BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n"), "503 5.5.1", "250"),
    Case("a chunk without recipients is read and discarded", (MAIL, (Exact(b"BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n"), "503 5.5.1", "250"))),
    *(
        one(f"{command!r}: the next command cannot be found", command, "501 5.5.4", closed=True)
        for command in [b"BDAT", b"BDAT x", b"BDAT -1", b"BDAT 1 FIRST", b"BDAT 1LAST", b"BDAT 9999999999999"]
    ),
    one("a chunk that is too large", b"BDAT 99999999999 LAST", "552 5.3.4", closed=True),
    # -- pipelining (RFC 2920) --
    Case("a pipeline", ((b"MAIL FROM:<a@example.com>\r\nRCPT TO:<bob@example.org>\r\nDATA", "250", "250", "354"), (b"x\r\n.\r\nNOOP", STORED, "250")), (b"x\r\n",)),
    Case("a pipeline whose recipient is refused", ((b"MAIL FROM:<a@example.com>\r\nRCPT TO:<>\r\nDATA\r\n", "250", "501", "503"), (b"NOOP", "250"))),
    # -- LMTP (RFC 2033) --
    bare("LHLO", (b"LHLO a", "250"), MAIL, RCPT, DATA, (b"x\r\n.", STORED), (b"NOOP", "250"), contents=(b"x\r\n",), settings={"lmtp": True}),
    bare("a reply for each recipient", (b"LHLO a", "250"), MAIL, RCPT, (b"RCPT TO:<>", "501"), RCPT, DATA, (b"x\r\n.", STORED, STORED), contents=(b"x\r\n",), settings={"lmtp": True}),
    bare("a refusal for each recipient", (b"LHLO a", "250"), MAIL, RCPT, RCPT, DATA, (Exact(b"x\n.\r\n\r\n.\r\n"), "550 5.6.0", "550 5.6.0"), settings={"lmtp": True}),
    bare("a reply for each recipient after BDAT", (b"LHLO a", "250"), MAIL, RCPT, RCPT, (Exact(b"BDAT 1\r\nx"), "250"), (b"BDAT 0 LAST", STORED, STORED), contents=(b"x\r\n",), settings={"lmtp": True}),
    bare("LMTP has no HELO and EHLO", (b"EHLO a", "500"), (b"HELO a", "500"), (b"MAIL FROM:<>", "503"), settings={"lmtp": True}),
]  # fmt: skip
