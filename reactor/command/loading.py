"""Loading what ``module:name`` refers to."""

from __future__ import annotations

import importlib
import re
import sys
from typing import Any, Final

from .errors import WRONG_USAGE, CommandError

_NAME: Final = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"
_REFERENCE: Final = re.compile(f"({_NAME}):({_NAME})").fullmatch


def search_current_folder() -> None:
    """Look for modules in the current folder first, also when the installed command runs."""
    if "" not in sys.path:
        sys.path.insert(0, "")


def load_object(reference: str, option: str, form: str = "module:Class") -> Any:
    """Import the object that ``reference``, ``module:name``, refers to. ``name`` may have dots.

    ``option``: what the user gave, such as ``--protocol echo:Echo``, for messages; ``form``: the
    form that it should have.

    Raises ``CommandError`` if there is no such object, and any exception that the module itself
    raises, ``ModuleNotFoundError`` included: that is a bug of the module, whose author needs the
    traceback."""
    match = _REFERENCE(reference)
    if match is None:
        raise CommandError(f"{option}: not of the form {form}", WRONG_USAGE)
    module_name, attribute = match.groups()
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as exc:
        if exc.name is None or not f"{module_name}.".startswith(f"{exc.name}."):
            raise  # an import inside the module failed
        raise CommandError(f"{option}: {_no_module(exc.name)}", WRONG_USAGE) from exc
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise CommandError(f"{option}: {module_name!r} has no {attribute!r}", WRONG_USAGE)
        found = getattr(found, part)
    return found


def _no_module(name: str) -> str:
    """Why there is no module ``name``; the packages that contain it have been imported."""
    parent, _, last = name.rpartition(".")
    if parent and last == "py":
        return f"there is no module {name!r}: leave out '.py'"
    if parent and not hasattr(sys.modules[parent], "__path__"):
        where = getattr(sys.modules[parent], "__file__", None) or "a part of Python"
        return f"there is no module {name!r}, as {parent!r} is not a package but {where}"
    return f"there is no module {name!r}"
