"""AUTH (RFC 4954) with the mechanisms PLAIN (RFC 4616) and LOGIN."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from functools import partial
from typing import Final

from . import replies
from .dialogue import Dialogue
from .replies import Reply

_CANCELLED: Final = Reply(501, "5.7.0", "Authentication was cancelled")
_NOT_BASE64: Final = Reply(501, "5.5.2", "Not valid base64 of UTF-8 text")
_UNKNOWN: Final = Reply(504, "5.5.4", "Unknown mechanism; there are PLAIN and LOGIN")
_OTHER_IDENTITY: Final = Reply(535, "5.7.8", "You cannot act for another user")
_NOT_PLAIN: Final = Reply(501, "5.5.2", "Expected three parts, separated by NUL")
_EMPTY: Final = Reply(334, "", "")


def auth(dialogue: Dialogue, argument: str) -> None:
    """AUTH mechanism [initial response]."""
    settings = dialogue.settings
    name, _, response = argument.partition(" ")
    if not settings.has_auth:
        dialogue.refuse(replies.NOT_IMPLEMENTED)
    elif not dialogue.extended:
        dialogue.refuse(replies.NO_HELLO)
    elif dialogue.user is not None or dialogue.envelope is not None:
        why = "You are authenticated already" if dialogue.user else "Not within a message"
        dialogue.refuse(Reply(503, "5.5.1", why))
    elif not dialogue.cipher and not settings.auth_insecure:
        dialogue.refuse(replies.NEEDS_TLS)
    elif name.upper() == "PLAIN":
        _begin(dialogue, response, _EMPTY, partial(_plain, dialogue))
    elif name.upper() == "LOGIN":
        _begin(dialogue, response, _prompt("Username:"), partial(_login_name, dialogue))
    else:
        dialogue.refuse(_UNKNOWN)


def _begin(
    dialogue: Dialogue, response: str, challenge: Reply, step: Callable[[str], None]
) -> None:
    if response:
        # "=" is an empty response (RFC 4954 section 4).
        _continue(dialogue, step, b"" if response == "=" else response.encode())
    else:
        _ask(dialogue, challenge, step)


def _ask(dialogue: Dialogue, challenge: Reply, step: Callable[[str], None]) -> None:
    dialogue.auth_step = partial(_continue, dialogue, step)
    dialogue.reply(challenge)


def _continue(dialogue: Dialogue, step: Callable[[str], None], response: bytes) -> None:
    if response == b"*":
        dialogue.refuse(_CANCELLED)
        return
    try:
        text = base64.b64decode(response, validate=True).decode()
    except (binascii.Error, ValueError):
        dialogue.refuse(_NOT_BASE64)
        return
    step(text)


def _plain(dialogue: Dialogue, text: str) -> None:
    parts = text.split("\0")
    if len(parts) != 3:
        dialogue.refuse(_NOT_PLAIN)
        return
    identity, name, password = parts
    if identity not in ("", name):
        dialogue.refuse(_OTHER_IDENTITY)
    else:
        dialogue.wait_for_password(name, password)


def _login_name(dialogue: Dialogue, name: str) -> None:
    _ask(dialogue, _prompt("Password:"), partial(_login_password, dialogue, name))


def _login_password(dialogue: Dialogue, name: str, password: str) -> None:
    dialogue.wait_for_password(name, password)


def _prompt(text: str) -> Reply:
    return Reply(334, "", base64.b64encode(text.encode()).decode("ascii"))
