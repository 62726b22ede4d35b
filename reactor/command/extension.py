"""Extensions: options that the command has with every protocol, such as ``--inspect``.

An extension called ``NAME`` has the option ``--NAME``, and may have others that begin with
``--NAME-``. By these names the command knows which extension to import: it imports one only if one
of its options is used, on the command line or in the environment, or for ``--help``.

They are found like applications: in the table ``EXTENSIONS`` of registry.py, and in the entry point
group ``reactor.extensions`` of installed distributions::

    [project.entry-points."reactor.extensions"]
    hello = "greetings:Hello"

    class Hello(Extension):                        # greetings.py
        def add_arguments(self, parser):
            parser.add_argument("--hello", metavar="WHO", help="greet WHO when the server starts")

        @contextmanager
        def attached(self, reactor, options):
            yield [f"hello: {options.hello}"] if options.hello else []
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from ..reactor import Reactor


class Extension:
    """Base class. The methods are called in this order. ``options``: the parsed arguments, see
    ``Application``. Each may raise ``CommandError``; ``add_arguments`` may not."""

    def add_arguments(self, parser: argparse._ActionsContainer) -> None:
        """Add the options. See ``Application.add_arguments``; an option that a client has no use
        for should be a ``server_option``.

        For ``--help`` this is called in an installation that may lack the extension's
        dependencies, so import these later."""

    def check(self, options: argparse.Namespace) -> None:
        """Raise ``CommandError`` if the options cannot be combined."""

    def run(self, options: argparse.Namespace) -> int | None:
        """Do something else than to serve a protocol, and return the exit status; or return None,
        and the command continues. ``--protocol`` may be missing."""
        return None

    def attached(
        self, reactor: Reactor, options: argparse.Namespace
    ) -> AbstractContextManager[Sequence[str]]:
        """Entered when a server's ``reactor`` is made, before anything is opened on it, and exited
        when it has run, before it is closed. Yields lines to announce, after the application's. It
        is not called for clients; with several workers it is called in each of them."""
        return nullcontext(())
