"""The options that record what the loop does."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..reactor import Reactor
from ..recording import MAX_SIZE, Recorder
from .errors import WRONG_USAGE, CommandError, reason
from .options import format_size, positive_size, refuse_unused, size


def add_record_options(parser: argparse._ActionsContainer) -> None:
    """Add ``--record`` and what belongs to it."""
    parser.add_argument(
        "--record", metavar="FILE", help="write each turn of the loop to FILE, as a line of JSON"
    )
    parser.add_argument(
        "--record-size",
        metavar="SIZE",
        type=positive_size,
        default=MAX_SIZE,
        help=f"at this size FILE becomes FILE.1 and a new one begins ({format_size(MAX_SIZE)})",
    )
    parser.add_argument(
        "--record-payload",
        metavar="SIZE",
        type=size,
        default=0,
        help="record up to SIZE of what each descriptor receives and sends in a turn; this may be"
        " secret (%(default)s)",
    )


def check_record_options(options: argparse.Namespace) -> None:
    """Raise ``CommandError`` if they cannot be combined with the others."""
    if options.record is None:
        refuse_unused(options, ("--record-size", "--record-payload"), "requires --record")
    elif getattr(options, "workers", None) is not None:
        raise CommandError("--record cannot be combined with --workers", WRONG_USAGE)


@contextmanager
def recorded(options: argparse.Namespace) -> Iterator[Callable[[Reactor], object]]:
    """Within the block, the yielded function starts the recording of a reactor. At the end all is
    written. Raises ``CommandError`` if the file cannot be made."""
    if options.record is None:
        yield lambda reactor: None
        return
    try:
        recorder = Recorder(
            options.record,
            max_size=options.record_size,
            payload=options.record_payload,
        )
    except OSError as exc:
        raise CommandError(f"cannot record in {options.record}: {reason(exc)}") from exc
    try:
        yield lambda reactor: reactor.add_observer(recorder)
    finally:
        recorder.close()
