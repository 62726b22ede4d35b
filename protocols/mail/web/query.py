"""What a request asks the list for: ``?search=&from=&to=&subject=&limit=&before=&wait=``."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs

from protocols.http import HTTPError

from .parsing import Summary

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 500
MAX_WAIT: Final = 60.0  # seconds
_MAX_FIELDS: Final = 20
_MAX_WORDS: Final = 20
_FILTERS: Final = ("search", "from", "to", "subject")
_NAMES: Final = (*_FILTERS, "limit", "before", "wait")
_NUMBER: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?").fullmatch


@dataclass(frozen=True, slots=True)
class Query:
    """``words``: each must be in the sender, the recipients, the subject or the text; ``sender``,
    ``to`` and ``subject``: what these contain. All are case-folded. ``before``: only mails that are
    older than the one with this identity; ``wait``: seconds to wait for a mail."""

    words: tuple[str, ...] = ()
    sender: str = ""
    to: str = ""
    subject: str = ""
    limit: int = DEFAULT_LIMIT
    before: str = ""
    wait: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Query:
        """Raises ``HTTPError`` 400."""
        return cls._of(_values(text, _NAMES))

    @classmethod
    def parse_deletion(cls, text: str) -> Query:
        """For a request that deletes what it finds. Raises ``HTTPError`` 400, also for an empty
        parameter: the program that made it may not have meant all mails."""
        values = _values(text, _FILTERS)
        for name, value in values.items():
            if not value.strip():
                raise HTTPError(400, f"{name} is empty. To delete all mails, leave it out.")
        return cls._of(values)

    @classmethod
    def _of(cls, values: dict[str, str]) -> Query:
        words = tuple(values.get("search", "").casefold().split())
        if len(words) > _MAX_WORDS:
            raise HTTPError(400, f"A search has at most {_MAX_WORDS} words.")
        return cls(
            words=words,
            sender=values.get("from", "").strip().casefold(),
            to=values.get("to", "").strip().casefold(),
            subject=values.get("subject", "").strip().casefold(),
            limit=int(_number(values, "limit", DEFAULT_LIMIT, MAX_LIMIT)),
            before=values.get("before", ""),
            wait=_number(values, "wait", 0.0, MAX_WAIT),
        )

    @property
    def is_filter(self) -> bool:
        """Whether it excludes mails by what is in them."""
        return bool(self.words or self.sender or self.to or self.subject)

    def matches(self, mail: Summary) -> bool:
        """Whether ``mail`` is wanted."""
        sender, to, subject, text = mail.searched
        if self.sender not in sender or self.to not in to or self.subject not in subject:
            return False
        return all(
            word in sender or word in to or word in subject or word in text for word in self.words
        )


def _values(text: str, names: Collection[str]) -> dict[str, str]:
    try:
        pairs = parse_qs(text, max_num_fields=_MAX_FIELDS, keep_blank_values=True)
    except ValueError:
        raise HTTPError(400, f"There are more than {_MAX_FIELDS} parameters.") from None
    pairs.pop("token", None)
    for name in pairs.keys() - set(names):
        raise HTTPError(400, f"There is no parameter {name[:40]!r} here.")
    return {name: values[-1] for name, values in pairs.items()}


def _number(values: dict[str, str], name: str, default: float, largest: float) -> float:
    text = values.get(name) or f"{default}"
    if not _NUMBER(text) or float(text) > largest:
        raise HTTPError(400, f"{name} is a number from 0 to {largest:g}.")
    return float(text)
