"""The names that ``--protocol`` knows, and the applications they stand for; and the extensions of
the command."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path

from .application import Application, ProtocolApplication
from .errors import CANNOT_START, WRONG_USAGE, CommandError
from .extension import Extension
from .loading import load_object, search_current_folder
from .logs import complain

# Available in a bare checkout. Installed distributions add more through the entry point group.
BUILT_IN: Mapping[str, str] = {
    "chat": "protocols.chat.app:app",
    "echo": "protocols.echo:app",
    "ftp": "protocols.ftp.app:app",
    "http": "protocols.http.app:app",
    "inspect": "protocols.inspector.terminal.app:app",
    "mail": "protocols.mail.app:app",
    "smtp": "protocols.mail.app:smtp",
    "time": "protocols.daytime:app",
}
ENTRY_POINTS = "reactor.protocols"
# Options that the command has with every protocol: see extension.py.
EXTENSIONS: dict[str, str] = {
    "hash-password": "protocols.hash_password:extension",
    "inspect": "protocols.inspector.options:extension",
}
EXTENSION_ENTRY_POINTS = "reactor.extensions"
# Packages that some of the built-in ones need, and that a bare checkout may lack.
_REQUIRED = ("httptools",)


def protocol_names() -> list[str]:
    """The names that ``--protocol`` knows, in alphabetical order."""
    return sorted({*BUILT_IN, *(point.name for point in metadata.entry_points(group=ENTRY_POINTS))})


def load_application(name: str) -> Application:
    """The application called ``name``, or one that serves ``module:Class``. Raises
    ``CommandError``."""
    if ":" in name:
        search_current_folder()
        return _load(name, name)
    if name in BUILT_IN:
        _search_current_folder_last()
        _import_own_package(BUILT_IN[name].partition(".")[0])
        try:
            return _load(name, BUILT_IN[name])
        except ModuleNotFoundError as exc:
            if exc.name is None or exc.name not in _REQUIRED:
                raise
            raise CommandError(
                f"--protocol {name} needs {exc.name}, which is not installed", CANNOT_START
            ) from exc
    for point in metadata.entry_points(group=ENTRY_POINTS):
        if point.name == name:
            return _load(name, point.value)
    known = ", ".join(protocol_names())
    raise CommandError(f"no protocol {name!r}; there is {known}, or module:Class", WRONG_USAGE)


# -- extensions ------------------------------------------------------------------------------------


def all_extensions() -> list[Extension]:
    """Every extension there is, in the order of their names. One of another distribution that
    cannot be loaded is left out, with a line on standard error: this is for the help, which must
    not fail because of options that nobody has asked for."""
    references = {**_installed_extensions(), **EXTENSIONS}
    found = []
    for name in sorted(references):
        try:
            found.append(_load_extension(name, references[name]))
        except Exception as exc:
            if name in EXTENSIONS:
                raise
            complain(exc if isinstance(exc, CommandError) else f"--{name}: {exc!r}")
    return found


def extensions_with(options: Iterable[str]) -> list[Extension]:
    """The extensions that ``options`` belong to, such as "--inspect-token"."""
    wanted: dict[str, str] = {}
    others = []
    for option in options:
        names = [name for name in EXTENSIONS if _owns(name, option)]
        wanted.update((name, EXTENSIONS[name]) for name in names)
        if not names:
            others.append(option)
    if others:  # looking through what is installed takes some milliseconds
        for name, reference in _installed_extensions().items():
            if any(_owns(name, option) for option in others):
                wanted.setdefault(name, reference)
    return [_load_extension(name, wanted[name]) for name in sorted(wanted)]


def _owns(name: str, option: str) -> bool:
    return option == f"--{name}" or option.startswith(f"--{name}-")


def _installed_extensions() -> dict[str, str]:
    points = metadata.entry_points(group=EXTENSION_ENTRY_POINTS)
    return {point.name: point.value for point in points}


def _load_extension(name: str, reference: str) -> Extension:
    if name in EXTENSIONS:
        _import_own_package(reference.partition(".")[0])
    found = load_object(reference, f"--{name}")
    if isinstance(found, type) and issubclass(found, Extension):
        found = found()
    if not isinstance(found, Extension):
        raise CommandError(f"--{name}: {reference!r} is no extension of the command", CANNOT_START)
    return found


# -- loading ---------------------------------------------------------------------------------------


def _load(name: str, reference: str) -> Application:
    found = load_object(reference, f"--protocol {name}")
    if isinstance(found, type) and issubclass(found, Application):
        found = found()
    elif hasattr(found, "application_class"):  # the class needs more than a listener
        found = load_object(found.application_class, f"--protocol {name}")(found)
    if isinstance(found, Application):
        found.name = found.name or name
        return found
    if callable(found) and (hasattr(found, "data_received") or hasattr(found, "datagram_received")):
        return ProtocolApplication(name, found)
    attribute = reference.partition(":")[2]
    raise CommandError(f"--protocol {name}: {attribute!r} is not a protocol class", WRONG_USAGE)


def _search_current_folder_last() -> None:
    """``python -m`` puts the current folder in front of all others. A user's http.py would then be
    imported instead of Python's. Only with ``module:Class`` does the folder stay first."""
    if sys.path and sys.path[0] in ("", _current_folder()):
        sys.path.append(sys.path.pop(0))


def _import_own_package(name: str) -> None:
    """Import the package ``name`` of this distribution, not a user's module of that name in the
    current folder."""
    if name not in sys.modules:
        root = str(Path(__file__).parents[2])
        spec = PathFinder.find_spec(name, [root])
        if spec is not None and spec.loader is not None:
            sys.modules[name] = module = module_from_spec(spec)
            spec.loader.exec_module(module)


def _current_folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed, or is on a disk that is gone
        return ""
