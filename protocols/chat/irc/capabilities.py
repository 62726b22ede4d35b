"""The capabilities of IRCv3 that a client can turn on (``CAP REQ``)."""

from __future__ import annotations

from typing import Final

AWAY_NOTIFY: Final = "away-notify"
BATCH: Final = "batch"
CAP_NOTIFY: Final = "cap-notify"
CHATHISTORY: Final = "draft/chathistory"
ECHO_MESSAGE: Final = "echo-message"
EXTENDED_JOIN: Final = "extended-join"
INVITE_NOTIFY: Final = "invite-notify"
LABELED_RESPONSE: Final = "labeled-response"
MESSAGE_TAGS: Final = "message-tags"
MULTI_PREFIX: Final = "multi-prefix"
SERVER_TIME: Final = "server-time"
SETNAME: Final = "setname"
USERHOST_IN_NAMES: Final = "userhost-in-names"

# The offered capabilities, with their values; "" if there is none.
OFFERED: Final[dict[str, str]] = {
    AWAY_NOTIFY: "",
    BATCH: "",
    CAP_NOTIFY: "",
    CHATHISTORY: "",
    ECHO_MESSAGE: "",
    EXTENDED_JOIN: "",
    INVITE_NOTIFY: "",
    LABELED_RESPONSE: "",
    MESSAGE_TAGS: "",
    MULTI_PREFIX: "",
    SERVER_TIME: "",
    SETNAME: "",
    USERHOST_IN_NAMES: "",
}

# Those that change how messages of the hub are rendered: see ``render.py``.
RENDERED: Final = frozenset({AWAY_NOTIFY, EXTENDED_JOIN, MESSAGE_TAGS, SERVER_TIME})
