"""What the server can do (RFC 2389), and facts about single files."""

from __future__ import annotations

from functools import partial
from typing import Final

from ..dates import format_time
from ..files import size_as_text, size_of, status_of
from ..listing import FACTS
from ..session import Command, FTPSession, Takes

_HELP: Final = (
    "USER PASS ACCT REIN QUIT AUTH PBSZ PROT",
    "TYPE MODE STRU PASV EPSV PORT EPRT",
    "RETR STOR STOU APPE REST ABOR ALLO",
    "CWD CDUP PWD LIST NLST MLSD MLST STAT",
    "MKD RMD DELE RNFR RNTO MFMT SITE",
    "SIZE MDTM SYST FEAT OPTS LANG HELP NOOP CLNT",
)


def _feat(session: FTPSession, argument: str) -> None:
    facts = "".join(f"{name}{'*' if name in session.facts else ''};" for name in FACTS)
    tls = ("AUTH TLS", "PBSZ", "PROT") if session.server.context is not None else ()
    features = (
        *tls, "EPRT", "EPSV", "LANG EN*", "MDTM", "MFMT", f"MLST {facts}", "REST STREAM", "SIZE",
        "TVFS", "UTF8",
    )  # fmt: skip
    session.reply(211, "Extensions:", *features, "End")


def _opts(session: FTPSession, argument: str) -> None:
    name, _, value = argument.partition(" ")
    if name.upper() == "UTF8" and value.strip().upper() == "ON":
        session.reply(200, "Names are UTF-8")  # RFC 2640; they always are
    elif name.upper() == "MLST":
        wanted = {fact.lower() for fact in value.strip().split(";")}
        session.facts = frozenset(fact for fact in FACTS if fact.lower() in wanted)
        chosen = "".join(f"{fact};" for fact in FACTS if fact in session.facts)
        session.reply(200, f"MLST OPTS {chosen}".rstrip())  # RFC 3659 section 7.9
    else:
        session.reply(501, "Expected UTF8 ON, or MLST and facts")


def _lang(session: FTPSession, argument: str) -> None:
    # RFC 2640 section 4.1: a dialect counts as its language
    if argument.strip().upper().partition("-")[0] in ("", "EN"):
        session.reply(200, "Replies are in English")
    else:
        session.reply(504, "Replies are in English only")


def _size(session: FTPSession, argument: str) -> None:
    names = session.path(argument)
    root = session.require_account().root

    def failed(error: OSError | ValueError) -> None:
        if isinstance(error, OSError):
            session.fail(error)
        else:
            session.reply(550, str(error))

    # RFC 3659 section 4: what the current type would transfer
    function = size_of
    if session.text:
        function = partial(size_as_text, limit=session.server.limits.ascii_size)
    session.in_thread(
        function, root, names, then=lambda size: session.reply(213, str(size)), failed=failed
    )


def _mdtm(session: FTPSession, argument: str) -> None:
    session.in_thread(
        status_of, session.require_account().root, session.path(argument),
        then=lambda status: session.reply(213, format_time(status.st_mtime)),
    )  # fmt: skip


def _syst(session: FTPSession, argument: str) -> None:
    session.reply(215, "UNIX Type: L8")


def _help(session: FTPSession, argument: str) -> None:
    session.reply(214, "Commands:", *_HELP, "End")


def _noop(session: FTPSession, argument: str) -> None:
    session.reply(200, "OK")


def _not_implemented(session: FTPSession, argument: str) -> None:
    session.reply(502, "This command is not implemented")


COMMANDS: Final = {
    "FEAT": Command(_feat, login=False),
    "OPTS": Command(_opts, Takes.ARGUMENT, login=False),
    "LANG": Command(_lang, Takes.OPTIONAL, login=False),
    "SIZE": Command(_size, Takes.ARGUMENT),
    "MDTM": Command(_mdtm, Takes.ARGUMENT),
    "SYST": Command(_syst, login=False),
    "HELP": Command(_help, Takes.OPTIONAL, login=False),
    "NOOP": Command(_noop, login=False),
    "CLNT": Command(_noop, Takes.OPTIONAL, login=False),
    **{
        name: Command(_not_implemented, Takes.OPTIONAL, login=False)
        for name in ("SMNT", "ADAT", "MIC", "CONF", "ENC")
    },
}
