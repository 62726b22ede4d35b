"""Decodes text in the charsets that mails name, which may be any name at all.

Only names that Python knows are looked up. For an unknown name, ``codecs.lookup`` tries to import a
module, and remembers for ever that there is none: mails could fill the memory with such names."""

from __future__ import annotations

from encodings import normalize_encoding
from encodings.aliases import aliases
from typing import Final

# Modules that have no alias. Not "idna" and "punycode": the time that they take is quadratic in the
# size of the text (CVE-2022-45061), and no mail is written in them.
_WITHOUT_ALIAS: Final = frozenset(
    {"cp720", "cp737", "cp856", "cp874", "cp875", "cp1006", "koi8_t", "koi8_u", "mac_arabic",
     "mac_croatian", "mac_farsi", "mac_romanian", "utf_8_sig"}
)  # fmt: skip
_NAMES: Final = _WITHOUT_ALIAS.union(aliases.values())
# What mail programs mean by these names: browsers read them so too (WHATWG Encoding, section 4.2).
_MEANT: Final = {
    "ascii": "utf_8",
    "euc_kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "iso_8859_8_i": "iso8859_8",
    "latin_1": "cp1252",
    "shift_jis": "cp932",
    "windows_874": "cp874",
}


def decode(data: bytes, charset: str) -> str:
    """The text in ``data``. What cannot be decoded becomes U+FFFD. An unknown ``charset`` counts as
    UTF-8."""
    try:
        return data.decode(_codec(charset), "replace")
    except (LookupError, ValueError):  # such as "zlib", which is no codec for text
        return data.decode("utf-8", "replace")


def _codec(charset: str) -> str:
    name = normalize_encoding(charset[:40]).lower()
    name = aliases.get(name, name)
    name = _MEANT.get(name, name)
    return name if name in _NAMES else "utf_8"
