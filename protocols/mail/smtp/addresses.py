"""The arguments of MAIL and RCPT: a path and parameters (RFC 5321 sections 4.1.1.2, 4.1.2).

The path may have a source route (``<@a,@b:user@c>``), which is ignored, as RFC 5321 appendix C
says. Addresses beyond ASCII are those of RFC 6531."""

from __future__ import annotations

import ipaddress
import re
from typing import Final, NamedTuple

# RFC 5321 section 4.5.3.1, in octets.
MAX_LOCAL_PART: Final = 64
MAX_DOMAIN: Final = 255
MAX_PATH: Final = 256  # with the angle brackets

# Without controls, and without what some programs take for a line's end or a change of direction.
_UTF8: Final = (
    r"\u00a1-\u061b\u061d-\u200d\u2010-\u2027\u2030-\u2065\u206a-\ud7ff\ue000-\ufffd"
    r"\U00010000-\U0010ffff"
)
_LETTER: Final = rf"[A-Za-z0-9_{_UTF8}]"
_LABEL: Final = rf"{_LETTER}(?:-*{_LETTER})*"
_DOMAIN: Final = rf"{_LABEL}(?:\.{_LABEL})*"
_LITERAL: Final = r"\[[0-9A-Za-z.:-]+\]"
_ATOM: Final = rf"[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~{_UTF8}-]+"
_QUOTED: Final = rf'"(?:[ !#-\[\]-~{_UTF8}]|\\[ -~])*"'

_ROUTE: Final = re.compile(rf"@{_DOMAIN}(?:,@{_DOMAIN})*:")
_MAILBOX: Final = re.compile(
    rf"(?P<local>{_ATOM}(?:\.{_ATOM})*|{_QUOTED})@(?P<domain>{_DOMAIN}|{_LITERAL})"
)
_PARAMETER: Final = re.compile(rf"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~{_UTF8}]+))?")
_NAME: Final = re.compile(rf"{_DOMAIN}\.?")
_HELLO: Final = re.compile(rf"(?:{_DOMAIN}|{_LITERAL})\.?")
_IP_LITERAL: Final = re.compile(r"\[(?:(?i:IPv6):)?([0-9A-Fa-f.:]+)\]")
# A path ends at the first > outside a quoted string.
_PATH: Final = re.compile(r'<((?:"(?:[^"\\]|\\.)*"|[^">])*)>(?: (.*))?')


class Address(NamedTuple):
    """A mailbox. ``local_part`` is written as the client did: quoted, if it needs quotes."""

    local_part: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local_part}@{self.domain}" if self.domain else self.local_part

    def isascii(self) -> bool:
        """Whether it is an address without SMTPUTF8."""
        return self.local_part.isascii() and self.domain.isascii()


NULL: Final = Address("", "")  # the sender of bounces


class Path(NamedTuple):
    """A path and the parameters after it; a name without a value has None."""

    address: Address
    parameters: dict[str, str | None]


def parse_path(text: str, keyword: str) -> Path:
    """Parse ``FROM:<ada@example.org> SIZE=100``. ``keyword``: what must come first, ``FROM:`` or
    ``TO:``.

    Spaces after the colon are ignored: RFC 5321 section 3.3 forbids them, but programs send them.
    Raises ``ValueError``, whose text is for the client."""
    if text[: len(keyword)].upper() != keyword:
        raise ValueError(f"expected {keyword}<address>")
    match = _PATH.fullmatch(text[len(keyword) :].strip(" "))
    if match is None:
        raise ValueError(f"expected {keyword}<address>")
    path, rest = match.groups()
    if len(path.encode()) + 2 > MAX_PATH:
        raise ValueError(f"a path has at most {MAX_PATH} bytes")
    return Path(parse_address(path), _parse_parameters(rest) if rest else {})


def parse_address(text: str) -> Address:
    """Parse what is between the angle brackets. Raises ``ValueError``, whose text is for the
    client."""
    if not text:
        return NULL
    if text.lower() == "postmaster":  # needs no domain (RFC 5321 section 4.5.1)
        return Address(text, "")
    if text[0] == "@" and (route := _ROUTE.match(text)):
        text = text[route.end() :]
    match = _MAILBOX.fullmatch(text)
    if match is None:
        raise ValueError("the address is not valid")
    local, domain = match.groups()
    if len(local.encode()) > MAX_LOCAL_PART:
        raise ValueError(f"the part before the @ has at most {MAX_LOCAL_PART} bytes")
    if len(domain.encode()) > MAX_DOMAIN:
        raise ValueError(f"a domain has at most {MAX_DOMAIN} bytes")
    if domain[0] == "[" and not _is_ip(domain):
        raise ValueError("the address is not valid")
    return Address(local, domain)


def is_domain(text: str) -> bool:
    """Whether ``text`` can be a domain, written as a name; it may end with a dot."""
    try:
        encoded = text.encode(
            "idna"
        )  # refuses labels of more than 63 bytes (RFC 1035 section 2.3.4)
    except UnicodeError:
        return False
    return len(encoded) <= MAX_DOMAIN and _NAME.fullmatch(text) is not None


def is_hello_name(text: str) -> bool:
    """Whether ``text`` can be the argument of HELO and EHLO: a name, or an address in brackets.

    Underscores are allowed, because many machines have them in their names."""
    return len(text.encode()) <= MAX_DOMAIN and _HELLO.fullmatch(text) is not None


def _parse_parameters(text: str) -> dict[str, str | None]:
    parameters: dict[str, str | None] = {}
    for word in text.split():
        match = _PARAMETER.fullmatch(word)
        if match is None:
            raise ValueError("a parameter is not valid")
        name = match[1].upper()
        if name in parameters:
            raise ValueError(f"{name} is given twice")
        parameters[name] = match[2]
    return parameters


def _is_ip(literal: str) -> bool:
    match = _IP_LITERAL.fullmatch(literal)
    try:
        ipaddress.ip_address(match[1] if match else "")
    except ValueError:
        return False
    return True
