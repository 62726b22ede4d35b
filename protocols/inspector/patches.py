"""JSON merge patches (RFC 7396): how one document differs from another.

In a merge patch, null means "remove this member", so a patch cannot set a member to null. In our
documents null means "not known", and that is what a missing member means too: **null and missing
are the same**. ``difference`` removes a member that becomes null, and readers must treat both
alike, as JavaScript's ``== null`` and Python's ``dict.get`` do. A list is replaced as a whole, so
the nulls in it stay."""

from __future__ import annotations

from typing import Any


def difference(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The merge patch that changes ``old`` into ``new``, null and missing being the same; empty if
    they do not differ. It shares its values with ``new``.

    Lists are compared as Python does it: ``[1]`` and ``[True]`` are equal."""
    patch: dict[str, Any] = {}
    for name, after in new.items():
        before = old.get(name)
        if type(after) is dict:
            if type(before) is dict:
                changed = difference(before, after)
                if changed:
                    patch[name] = changed
            else:
                patch[name] = after
        # In Python 1 == True, but not in JSON.
        elif before != after or (type(before) is bool) != (type(after) is bool):
            patch[name] = after
    for name, before in old.items():
        if before is not None and name not in new:
            patch[name] = None
    return patch


def apply(document: Any, patch: Any) -> Any:
    """``document`` changed by ``patch``, as RFC 7396 section 2 says; both stay unchanged. A patch
    that is no object replaces the document."""
    if not isinstance(patch, dict):
        return patch
    changed = dict(document) if isinstance(document, dict) else {}
    for name, value in patch.items():
        if value is None:
            changed.pop(name, None)
        else:
            changed[name] = apply(changed.get(name), value)
    return changed
