"""The commands of SMTP and LMTP: a small function for each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Final

from . import replies
from .addresses import NULL, Path, is_hello_name, parse_path
from .auth import auth
from .data import ChunkLines
from .dialogue import Command, Dialogue
from .limits import EXCESS
from .message import Envelope
from .replies import Reply

_CHUNK: Final = re.compile(r"([0-9]{1,12})( LAST)?", re.IGNORECASE)
# A "+" begins a byte in hexadecimal digits (RFC 3461 section 4). Lower case is accepted too.
_XTEXT: Final = re.compile(r"(?:[^+]|\+[0-9A-Fa-f]{2})+")
_SIZE: Final = re.compile(r"[0-9]{1,20}")  # RFC 1870 section 3


def helo(dialogue: Dialogue, argument: str) -> None:
    """HELO: begin without extensions."""
    if _begin(dialogue, argument):
        dialogue.extended = False
        dialogue.reply(Reply(250, "", dialogue.settings.hostname))


def ehlo(dialogue: Dialogue, argument: str) -> None:
    """EHLO, and LHLO in LMTP: begin, and list the extensions."""
    if _begin(dialogue, argument):
        dialogue.extended = True
        dialogue.reply(_extensions(dialogue))


def _begin(dialogue: Dialogue, argument: str) -> bool:
    if dialogue.more_follows:
        # They depend on the reply (RFC 2920 section 3.1).
        dialogue.say_goodbye(
            Reply(554, "5.5.0", "Wait for the reply before sending further commands")
        )
        return False
    if not is_hello_name(argument):
        name = "LHLO" if dialogue.settings.lmtp else "EHLO"
        dialogue.refuse(Reply(501, "5.5.4", f"Say your name: {name} host.example.org"))
        return False
    dialogue.hello = argument
    dialogue.reset()
    return True


def _extensions(dialogue: Dialogue) -> Reply:
    settings = dialogue.settings
    lines = [
        settings.hostname,
        "PIPELINING",
        f"SIZE {settings.limits.size}",
        "8BITMIME",
        "SMTPUTF8",
        "ENHANCEDSTATUSCODES",
        "CHUNKING",
    ]
    if settings.tls is not None and not dialogue.cipher:
        lines.append("STARTTLS")
    if settings.has_auth and (dialogue.cipher or settings.auth_insecure):
        lines.append("AUTH PLAIN LOGIN")
    return Reply(250, "", "\n".join(lines))


def mail(dialogue: Dialogue, argument: str) -> None:
    """MAIL FROM:<sender>: begin a message."""
    if not dialogue.hello:
        dialogue.refuse(replies.NO_LHLO if dialogue.settings.lmtp else replies.NO_HELLO)
    elif dialogue.settings.auth_required and dialogue.user is None:
        dialogue.refuse(replies.NEEDS_AUTH)
    elif dialogue.envelope is not None:
        dialogue.refuse(replies.NESTED_MAIL)
    elif (path := _path(dialogue, argument, "FROM:")) is not None:
        envelope = Envelope(
            path.address,
            hello=dialogue.hello,
            peer=dialogue.peer,
            user=dialogue.user,
            cipher=dialogue.cipher,
        )
        refusal = _sender_refusal(dialogue, envelope, path)
        if refusal is None:
            envelope.protocol = _protocol(dialogue, envelope)
            dialogue.begin_message(envelope)
        else:
            dialogue.refuse(refusal)


def _sender_refusal(dialogue: Dialogue, envelope: Envelope, path: Path) -> Reply | None:
    refusal = _take_parameters(dialogue, envelope, path.parameters)
    if refusal is not None:
        return refusal
    if not envelope.smtputf8 and not path.address.isascii():
        return replies.NEEDS_SMTPUTF8
    return dialogue.host.sender_given(path.address)


def _path(dialogue: Dialogue, argument: str, keyword: str) -> Path | None:
    try:
        return parse_path(argument, keyword)
    except ValueError as exc:
        status = "5.1.7" if keyword == "FROM:" else "5.1.3"
        dialogue.refuse(Reply(501, status, f"Syntax error: {exc}"))
        return None


def _take_parameters(
    dialogue: Dialogue, envelope: Envelope, parameters: Mapping[str, str | None]
) -> Reply | None:
    """Put the parameters of MAIL into ``envelope``. Returns why they are refused, or None."""
    for name, value in parameters.items():
        if not dialogue.extended:
            return Reply(555, "5.5.4", "Parameters need EHLO")
        if name == "SIZE" and value is not None and _SIZE.fullmatch(value):
            if int(value) > dialogue.limits.size:
                return replies.TOO_LARGE
        elif name == "BODY" and value is not None and value.upper() in ("7BIT", "8BITMIME"):
            envelope.body = value.upper()
        elif name == "SMTPUTF8" and value is None:
            envelope.smtputf8 = True
        elif (
            name == "AUTH"
            and value is not None
            and dialogue.settings.has_auth
            and _XTEXT.fullmatch(value)
        ):
            pass  # who sent it first, as the client says: we do not relay (RFC 4954 section 5)
        elif name in ("SIZE", "BODY", "SMTPUTF8", "AUTH"):
            return Reply(501, "5.5.4", f"The value of {name} is not valid")
        else:
            return Reply(555, "5.5.4", f"Unknown parameter {name}")
    return None


def _protocol(dialogue: Dialogue, envelope: Envelope) -> str:
    """What ``Received`` says after ``with`` (RFC 3848, RFC 6531 section 4.3)."""
    base = "LMTP" if dialogue.settings.lmtp else "SMTP"
    if not dialogue.extended:
        return base
    if envelope.smtputf8:
        base = f"UTF8{base}"
    elif base == "SMTP":
        base = "ESMTP"
    secure = "S" if dialogue.cipher else ""
    return f"{base}{secure}{'A' if dialogue.user is not None else ''}"


def rcpt(dialogue: Dialogue, argument: str) -> None:
    """RCPT TO:<recipient>."""
    envelope = dialogue.envelope
    if envelope is None:
        dialogue.refuse(replies.NO_MAIL)
    elif dialogue.chunks is not None:
        dialogue.refuse(replies.IN_CHUNKS)
    elif len(envelope.recipients) >= dialogue.limits.recipients:
        dialogue.excess += 1
        if dialogue.excess > EXCESS * dialogue.limits.recipients:
            dialogue.say_goodbye(replies.TOO_MANY_ERRORS)
        else:
            dialogue.reply(replies.TOO_MANY_RECIPIENTS)
    elif (path := _path(dialogue, argument, "TO:")) is not None:
        refusal = _recipient_refusal(dialogue, envelope, path)
        if refusal is None:
            envelope.recipients.append(path.address)
            dialogue.reply(replies.RECIPIENT_OK)
        else:
            dialogue.refuse(refusal)


def _recipient_refusal(dialogue: Dialogue, envelope: Envelope, path: Path) -> Reply | None:
    address = path.address
    if address == NULL:
        return Reply(501, "5.1.3", "A recipient cannot be empty")
    if path.parameters:
        return Reply(555, "5.5.4", f"Unknown parameter {next(iter(path.parameters))}")
    if not envelope.smtputf8 and not address.isascii():
        return replies.NEEDS_SMTPUTF8
    if not dialogue.settings.delivers_to(address):
        return replies.NO_RELAY
    return dialogue.host.recipient_given(address)


def data(dialogue: Dialogue, argument: str) -> None:
    """DATA: the message follows, up to a dot on a line of its own."""
    refusal = _content_refusal(dialogue)
    if argument:
        refusal = replies.NO_ARGUMENTS
    elif refusal is None and dialogue.chunks is not None:
        refusal = replies.IN_CHUNKS
    if dialogue.more_follows:
        # What follows is a message, and would be read as commands if DATA is refused.
        dialogue.say_goodbye(replies.BAD_SEQUENCE)
    elif refusal is not None:
        dialogue.refuse(refusal)
    else:
        dialogue.reply(replies.START_DATA)
        dialogue.read_data()


def bdat(dialogue: Dialogue, argument: str) -> None:
    """BDAT size [LAST]: a part of the message follows, of so many bytes (RFC 3030)."""
    match = _CHUNK.fullmatch(argument)
    if match is None or int(match[1]) > 2 * dialogue.limits.size:
        # Where the next command begins is unknown, or too far away.
        too_large = Reply(552, "5.3.4", "The chunk is too large")
        wrong = Reply(501, "5.5.4", "Syntax: BDAT size [LAST]")
        dialogue.say_goodbye(wrong if match is None else too_large)
        return
    size, is_last = int(match[1]), match[2] is not None
    refusal = _content_refusal(dialogue)
    if refusal is not None:
        dialogue.chunks = None
        dialogue.read_chunk(size, partial(dialogue.refuse, refusal))
        return
    if dialogue.chunks is None:
        dialogue.chunks = ChunkLines(dialogue.begin_content(), dialogue.limits.line)
    dialogue.chunks.chunks += 1
    if dialogue.chunks.are_tiny():
        dialogue.say_goodbye(replies.TINY_CHUNKS)
        return
    dialogue.read_chunk(size, partial(_end_chunk, dialogue, dialogue.chunks, size, is_last))


def _end_chunk(dialogue: Dialogue, chunks: ChunkLines, size: int, is_last: bool) -> None:
    if is_last:
        chunks.end()
        dialogue.end_content()
    elif chunks.content.refusal is not None:
        refusal = chunks.content.refusal
        dialogue.reset()  # further chunks get 503 (RFC 3030 section 2)
        dialogue.refuse(refusal)
    else:
        dialogue.reply(Reply(250, "2.0.0", f"{size} bytes received"))


def _content_refusal(dialogue: Dialogue) -> Reply | None:
    if dialogue.envelope is None:
        return replies.NO_MAIL
    if not dialogue.envelope.recipients:
        return replies.NO_RECIPIENTS
    return None


def rset(dialogue: Dialogue, argument: str) -> None:
    """RSET: forget the message."""
    if argument:
        dialogue.refuse(replies.NO_ARGUMENTS)
        return
    dialogue.reset()
    dialogue.reply(replies.OK)


def noop(dialogue: Dialogue, argument: str) -> None:
    """NOOP: do nothing."""
    dialogue.reply(replies.OK)


def quit_(dialogue: Dialogue, argument: str) -> None:
    """QUIT: close."""
    if argument:
        dialogue.refuse(replies.NO_ARGUMENTS)
    else:
        dialogue.say_goodbye(Reply(221, "2.0.0", f"{dialogue.settings.hostname} closes"))


def vrfy(dialogue: Dialogue, argument: str) -> None:
    """VRFY: is there such a user? That is not told (RFC 5321 section 7.3)."""
    if argument:
        dialogue.reply(replies.CANNOT_VERIFY)
    else:
        dialogue.refuse(Reply(501, "5.5.4", "Syntax: VRFY address"))


def help_(dialogue: Dialogue, argument: str) -> None:
    """HELP: list the commands that this server has."""
    known = commands(dialogue.settings.lmtp).items()
    names = [name for name, command in known if command is not not_implemented]
    dialogue.reply(Reply(214, "2.0.0", f"Commands: {' '.join(names)}"))


def not_implemented(dialogue: Dialogue, argument: str) -> None:
    """Commands of the RFC that this server does not have."""
    dialogue.refuse(replies.NOT_IMPLEMENTED)


def starttls(dialogue: Dialogue, argument: str) -> None:
    """STARTTLS (RFC 3207): from now on, encrypted."""
    if argument:
        dialogue.refuse(replies.NO_ARGUMENTS)
    elif dialogue.cipher:
        dialogue.refuse(replies.TLS_ALREADY)
    elif dialogue.settings.tls is None:
        dialogue.refuse(replies.NOT_HERE)
    elif not dialogue.extended:
        dialogue.refuse(replies.NO_HELLO)
    else:
        dialogue.reply(replies.START_TLS)
        dialogue.wait_for_tls()


_COMMON: Final[dict[str, Command]] = {
    "MAIL": mail,
    "RCPT": rcpt,
    "DATA": data,
    "BDAT": bdat,
    "RSET": rset,
    "NOOP": noop,
    "QUIT": quit_,
    "VRFY": vrfy,
    "HELP": help_,
    "AUTH": auth,
    "STARTTLS": starttls,
    "EXPN": not_implemented,
    "ETRN": not_implemented,
    "TURN": not_implemented,
    "SEND": not_implemented,
    "SOML": not_implemented,
    "SAML": not_implemented,
}
# LMTP has neither HELO nor EHLO (RFC 2033 section 4.1).
_SMTP: Final[Mapping[str, Command]] = {"EHLO": ehlo, "HELO": helo, **_COMMON}
_LMTP: Final[Mapping[str, Command]] = {"LHLO": ehlo, **_COMMON}


def commands(lmtp: bool) -> Mapping[str, Command]:
    """The commands by name."""
    return _LMTP if lmtp else _SMTP
