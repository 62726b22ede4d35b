"""Finding the application that ``--app module:callable`` names."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from typing import Any, Final

from reactor.command import WRONG_USAGE, CommandError

_NAME: Final = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"
_REFERENCE: Final = re.compile(rf"({_NAME}):({_NAME})(\(\))?").fullmatch


def load_app(reference: str) -> Any:
    """The WSGI application that ``module:callable`` names; with ``module:factory()``, what the
    factory returns. Modules are looked for in the current folder first.

    Raises ``CommandError``. What the module itself raises passes through: its author needs the
    traceback."""
    match = _REFERENCE(reference)
    if match is None:
        raise CommandError(
            f"--app {reference}: not of the form module:callable or module:factory()", WRONG_USAGE
        )
    module_name, attribute, is_factory = match.groups()
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as exc:
        if exc.name is None or not f"{module_name}.".startswith(f"{exc.name}."):
            raise  # an import within the module
        hint = ": leave out '.py'" if exc.name.endswith(".py") else ""
        raise CommandError(
            f"--app {reference}: there is no module {exc.name!r}{hint}", WRONG_USAGE
        ) from exc
    for part in attribute.split("."):
        try:
            found = getattr(found, part)
        except AttributeError as exc:
            raise CommandError(
                f"--app {reference}: {module_name!r} has no {attribute!r}", WRONG_USAGE
            ) from exc
    if is_factory and callable(found):
        found = found()
    what = f"{attribute}()" if is_factory else attribute
    if not callable(found):
        raise CommandError(f"--app {reference}: {what!r} cannot be called", WRONG_USAGE)
    if is_asgi(found):
        raise CommandError(
            f"--app {reference}: this is an ASGI application, and this server runs WSGI: use an "
            "ASGI server such as uvicorn, or wrap it in a2wsgi.ASGIMiddleware",
            WRONG_USAGE,
        )
    if not _takes_two(found):
        hint = "" if is_factory else f"; if it returns the application, write {reference}()"
        raise CommandError(
            f"--app {reference}: {what!r} cannot be called with environ and start_response{hint}",
            WRONG_USAGE,
        )
    return found


def _takes_two(app: Any) -> bool:
    """Whether ``app`` takes two arguments, as WSGI applications do; True if nothing shows it."""
    try:
        # The wrapper that a decorator made is called, not the function inside.
        signature = inspect.signature(app, follow_wrapped=False)
    except (TypeError, ValueError):  # written in C, for example
        return True
    try:
        signature.bind(None, None)
    except TypeError:
        return False
    return True


def is_asgi(app: Any) -> bool:
    """Whether ``app`` looks like an ASGI application: a coroutine function, an object whose
    ``__call__`` is one, or a callable whose parameters have ASGI's names (versions 2 and 3)."""
    call = getattr(app, "__call__", None)  # noqa: B004  # of a class: what its instances have
    if inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(call):
        return True
    try:
        names = list(inspect.signature(app).parameters)
    except (TypeError, ValueError):  # written in C, for example
        return False
    return names in (["scope"], ["scope", "receive", "send"])
