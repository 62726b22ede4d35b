"""RPL_ISUPPORT: the features and limits of this server (modern.ircdocs.horse, "RPL_ISUPPORT")."""

from __future__ import annotations

from typing import Final

from ..limits import Limits
from ..modes import FLAGS, Mode
from .changes import MAX_VALUES
from .render import CHANNEL_PREFIX
from .user_modes import LETTERS

NETWORK: Final = "chat"

# How many targets one command may have. "" stands for any number.
MAX_TARGETS: Final = 4
TARGETS: Final[dict[str, str]] = {
    "JOIN": "",
    "KICK": str(MAX_TARGETS),
    "NAMES": "1",
    "NOTICE": str(MAX_TARGETS),
    "PART": "",
    "PRIVMSG": str(MAX_TARGETS),
}

USER_LENGTH: Final = 16  # characters, with the "~" in front
REALNAME_LENGTH: Final = 100  # characters

TOKENS_PER_LINE: Final = 13  # at most (modern.ircdocs.horse)

USER_MODES: Final = "".join(LETTERS)
CHANNEL_MODES: Final = "".join(sorted(mode.value for mode in Mode))
# Those of them that have a value, at least when they are set.
VALUED_MODES: Final = "".join(sorted(mode.value for mode in Mode if mode not in FLAGS))


def tokens(limits: Limits) -> list[str]:
    """Return the tokens of RPL_ISUPPORT."""
    flags = "".join(sorted(mode.value for mode in FLAGS))
    values = {
        "AWAYLEN": limits.topic_length,
        "CASEMAPPING": "ascii",
        "CHATHISTORY": limits.history,
        "CHANLIMIT": f"{CHANNEL_PREFIX}:{limits.rooms_per_member}",
        "CHANMODES": f"b,k,l,{flags}",
        "CHANNELLEN": limits.name_length + len(CHANNEL_PREFIX),
        "CHANTYPES": CHANNEL_PREFIX,
        "ELIST": "CMNTU",
        "KEYLEN": limits.key_length,
        "KICKLEN": limits.topic_length,
        "MAXLIST": f"b:{limits.bans}",
        "MODES": MAX_VALUES,
        "MSGREFTYPES": "msgid,timestamp",
        "NAMELEN": REALNAME_LENGTH,
        "NETWORK": NETWORK,
        "NICKLEN": limits.name_length,
        "PREFIX": "(ov)@+",
        "TARGMAX": ",".join([f"{command}:{limit}" for command, limit in TARGETS.items()]),
        "TOPICLEN": limits.topic_length,
        "USERLEN": USER_LENGTH,
        "UTF8ONLY": "",
        "WHOX": "",
    }
    return [f"{name}={value}" if value != "" else name for name, value in values.items()]
