"""The filter of the table of descriptors: a small language, and what it means for a descriptor.

A filter is a list of terms with spaces between them. A descriptor must match all of them; ``-``
before a term excludes what matches it.

    TERM     = WORD | KEY:TEXT | KEY>NUMBER | KEY<NUMBER | KEY=NUMBER | paused | closing
    WORD     text in the protocol, the peer or the kind, or the number of the descriptor
    KEY:     kind, protocol, peer, interest, last_event
    KEY>     fd, queued, received, sent (bytes; 64k, 2M), age, silence (seconds; 5m, 2h)

    127.0.0.1            kind:TLS            -kind:listener          queued>64k silence>60

Upper and lower case are the same. ``kind`` must be the whole word, ``interest`` and ``last_event``
must have all the letters, and the other texts are found anywhere. ``>=`` and ``<=`` exist too. What
is not known matches no comparison. ``paused``: reading or writing is paused, or a listener does not
accept."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any, Final

from reactor import ERROR, HANGUP, READ, WRITE, Traffic, sort_key

Pair = tuple[int, Any]  # a descriptor, and the object that handles it: see reactor.watched
Predicate = Callable[[Pair], bool]

MAX_LENGTH: Final = 100  # characters of a filter

TEXT_KEYS: Final = ("kind", "protocol", "peer", "interest", "last_event")
NUMBER_KEYS: Final = ("fd", "queued", "received", "sent", "age", "silence")
FLAGS: Final = ("paused", "closing")

_TERM: Final = re.compile(r"([a-z_]+)(:(?!:)|[<>]=?|=)(.*)", re.IGNORECASE)
_NUMBER: Final = re.compile(r"(\d+(?:\.\d+)?)([a-z]?)", re.IGNORECASE)
_BYTES: Final = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_COMPARE: Final = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "=": operator.eq,
}


def check_filter(text: str) -> None:
    """Raise ``ValueError`` with one line if ``text`` is not a filter."""
    make_filter(text, Traffic(), 0.0)


def make_filter(text: str, traffic: Traffic, now: float) -> Predicate | None:
    """What ``text`` means at the moment ``now`` of the loop's clock; None if all descriptors match.

    Raises ``ValueError`` with one line."""
    if len(text) > MAX_LENGTH:
        raise ValueError(f"a filter has at most {MAX_LENGTH} characters")
    terms = [_term(word, traffic, now) for word in text.split()]
    if len(terms) < 2:
        return terms[0] if terms else None
    return lambda pair: all(term(pair) for term in terms)


def _term(word: str, traffic: Traffic, now: float) -> Predicate:
    if word.startswith("-") and len(word) > 1:
        excluded = _term(word[1:], traffic, now)
        return lambda pair: not excluded(pair)
    if word.lower() in FLAGS:
        return is_paused if word.lower() == "paused" else is_closing
    match = _TERM.fullmatch(word)
    if match is None:
        return _any_text(word.lower())
    key, sign, value = match[1].lower(), match[2], match[3]
    if key in TEXT_KEYS and sign in (":", "="):
        return _text(key, value, traffic)
    if key in NUMBER_KEYS:
        return _comparison(key, "=" if sign == ":" else sign, value, traffic, now)
    if key in TEXT_KEYS:
        raise ValueError(f"{key} is not a number: write {key}:{value or 'TEXT'}")
    raise ValueError(
        f"a filter has no {key!r}: use {', '.join((*TEXT_KEYS, *NUMBER_KEYS))},"
        f" {' or '.join(FLAGS)}"
    )


def _any_text(text: str) -> Predicate:
    protocol, kind = sort_key("protocol"), sort_key("kind")

    def matches(pair: Pair) -> bool:
        return (
            text in short(protocol(pair)).lower()
            or text in peer_text(pair).lower()
            or text in kind(pair).lower()
            or text == str(pair[0])
        )

    return matches


def _text(key: str, value: str, traffic: Traffic) -> Predicate:
    wanted = value.lower()
    if key == "kind":
        kind = sort_key("kind")
        return lambda pair: kind(pair).lower() == wanted
    if key == "protocol":
        protocol = sort_key("protocol")
        return lambda pair: wanted in short(protocol(pair)).lower()
    if key == "peer":
        return lambda pair: wanted in peer_text(pair).lower()
    if key == "interest":
        interest = sort_key("interest")
        return lambda pair: set(wanted) <= set(interest(pair).lower())
    bits = 0
    for letter in wanted:
        bits |= _bit(letter)
    return lambda pair: last_event(pair, traffic) & bits == bits


def _bit(letter: str) -> int:
    bits = {"r": READ, "w": WRITE, "e": ERROR, "h": HANGUP}
    if letter not in bits:
        raise ValueError("last_event has the letters R, W, E (error) and H (hang-up)")
    return bits[letter]


def _comparison(key: str, sign: str, value: str, traffic: Traffic, now: float) -> Predicate:
    wanted = _number(key, value)
    compare = _COMPARE[sign]
    if key in ("age", "silence"):
        moment = sort_key("opened" if key == "age" else "last_time", traffic)
        return lambda pair: (then := moment(pair)) >= 0 and compare(now - then, wanted)
    number = sort_key(key, traffic)
    return lambda pair: (known := number(pair)) >= 0 and compare(known, wanted)


def _number(key: str, text: str) -> float:
    units = _SECONDS if key in ("age", "silence") else {"": 1} if key == "fd" else _BYTES
    match = _NUMBER.fullmatch(text)
    if match is None or match[2].lower() not in units:
        example = {"age": "5m", "silence": "60", "fd": "8"}.get(key, "64k")
        raise ValueError(f"{key} needs a number, such as {key}>{example}, not {text!r}")
    return float(match[1]) * units[match[2].lower()]


# -- what a descriptor is --------------------------------------------------------------------------


def short(name: str) -> str:
    """A class's name without the functions around it, as the table shows it."""
    return name.rpartition("<locals>.")[2]


def peer_text(pair: Pair) -> str:
    """The peer's address, as the table shows it; "" without one."""
    owner = pair[1]
    peer = getattr(owner, "_peername", None)
    if isinstance(peer, tuple) and len(peer) >= 2:
        host = str(peer[0])
        return f"[{host}]:{peer[1]}" if ":" in host else f"{host}:{peer[1]}"
    return str(peer or getattr(owner, "target", ""))  # a connector has a target


def last_event(pair: Pair, traffic: Traffic) -> int:
    """The mask of the last event; 0 without one."""
    seen = traffic.descriptors.get(pair[0])
    return 0 if seen is None else seen.last_event


def is_paused(pair: Pair) -> bool:
    """Whether it does not read, its protocol must not write, or it does not accept."""
    owner = pair[1]
    if hasattr(owner, "_accepting"):
        return not owner._accepting
    if not hasattr(owner, "_peername"):  # not a transport
        return False
    return not owner._interest & READ or bool(getattr(owner, "_paused", False))


def is_closing(pair: Pair) -> bool:
    """Whether it is being closed."""
    closing = getattr(pair[1], "is_closing", None)
    return closing is not None and bool(closing())
