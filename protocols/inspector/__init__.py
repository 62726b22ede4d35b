"""The inspector: a reactor at work, shown in a browser while it runs.

    from protocols.inspector import inspect

    inspector = inspect(reactor, port=8990)
    print(inspector.url)
    reactor.run()

On the command line it is ``--inspect [HOST:]PORT``, with any protocol.

The watched loop runs in its own thread, and the inspector has a thread with a second reactor. So it
answers while the watched loop is blocked, paused or stepped. ``state.py`` describes what is shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .inspector import Inspector, inspect

__all__ = ["Inspector", "inspect"]


# Imported when they are used: they need httptools, and the options of the command line and the
# client in a terminal do not.
def __getattr__(name: str) -> Any:
    if name in __all__:
        from . import inspector

        return getattr(inspector, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
