"""Finding the application that ``--app module:callable`` names."""

from __future__ import annotations

import inspect
from typing import Any

from reactor.command import WRONG_USAGE, CommandError, load_object, search_current_folder


def load_app(reference: str) -> Any:
    """The WSGI application that ``module:callable`` names; with ``module:factory()``, what the
    factory returns. Modules are looked for in the current folder first.

    Raises ``CommandError``. An exception of the module itself propagates: its author needs the
    traceback."""
    search_current_folder()
    name = reference.removesuffix("()")
    is_factory = name != reference
    found = load_object(name, f"--app {reference}", "module:callable or module:factory()")
    if is_factory and callable(found):
        found = found()
    what = reference.partition(":")[2]
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
    """Whether ``app`` takes two arguments, as WSGI applications do; True if that is unknown."""
    try:
        # Do not look through a decorator's wrapper: the wrapper is what is called.
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
