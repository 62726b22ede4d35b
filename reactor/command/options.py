"""Options of the command line: their types, those that only a server or only a client has, and
their values from the environment."""

from __future__ import annotations

import argparse
import ipaddress
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NoReturn

from ..debug import VARIABLE as DEBUG_VARIABLE
from .errors import WRONG_USAGE, CommandError

# Attribute of an argparse action: whether clients (True) or servers (False) refuse the option, and
# the message.
_REFUSAL: Final = "_refusal"
_PREFIX: Final = "REACTOR_"  # of variables in the environment
_UNITS: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}  # of sizes


class Parser(argparse.ArgumentParser):
    """An argparse parser that raises ``CommandError``, and takes defaults from the environment."""

    help_command = "reactor --help"

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse does it. The result has an attribute ``given``: the names of the options on
        the command line, not those from the environment.

        This parser must not allow abbreviations nor have positional arguments. Then no value starts
        with two hyphens, and an argument that does is an option that was given."""
        args = sys.argv[1:] if args is None else list(args)
        options, rest = super().parse_known_args(args, namespace)
        options.given = frozenset(argument.partition("=")[0] for argument in args)
        return options, rest

    def error(self, message: str) -> NoReturn:
        raise CommandError(f"{message} (see {self.help_command})", WRONG_USAGE)

    def unknown_options(self, arguments: Sequence[str]) -> set[str]:
        """The options in ``arguments`` and in the environment that were not added."""
        given = {argument.partition("=")[0] for argument in arguments if argument[:2] == "--"}
        for variable in os.environ:
            if variable.startswith(_PREFIX):
                given.add("--" + variable.removeprefix(_PREFIX).replace("_", "-").lower())
        return given.difference(self._option_string_actions)

    def use_environment(self) -> None:
        """Use the environment's values as defaults: ``REACTOR_UDP_PORT`` for ``--udp-port``, and so
        on. Call it when all options have been added, and again if more are."""
        for action in self._actions:
            names = [name for name in action.option_strings if name.startswith("--")]
            if not names or action.dest in ("help", "version"):
                continue
            variable = _PREFIX + names[0].lstrip("-").replace("-", "_").upper()
            value = os.environ.get(variable)
            if value is not None and variable != DEBUG_VARIABLE:
                action.default = self._converted(action, value, variable)

    def _converted(self, action: argparse.Action, value: str, variable: str) -> Any:
        if action.nargs == 0:  # a flag
            if value.lower() in ("1", "true", "yes", "on"):
                return action.const
            if value.lower() in ("0", "false", "no", "off", ""):
                return action.default
            self.error(f"{variable} must be yes or no, not {value!r}")
        try:
            if isinstance(action, Repeatable):
                parts = [part.strip() for part in value.split(",")]
                return [self._get_value(action, part) for part in parts if part]
            converted = self._get_value(action, value)
        except argparse.ArgumentError as exc:
            self.error(f"{variable}: {exc.message}")
        if action.choices is not None and converted not in action.choices:
            self.error(f"{variable} must be one of {', '.join(action.choices)}, not {value!r}")
        return converted

    def refuse_wrong_side(self, options: argparse.Namespace, *, client: bool) -> None:
        """Raise ``CommandError`` if an option was given that only the other side has."""
        for action in self._actions:
            refused_by, why = getattr(action, _REFUSAL, (None, ""))
            if refused_by == client:
                for name in options.given.intersection(action.option_strings):
                    raise CommandError(f"{name} {why}", WRONG_USAGE)

    def hide_client_options(self) -> None:
        """Leave the options that go with ``--connect`` out of the help: there is no client."""
        for action in self._actions:
            if action.dest == "connect" or getattr(action, _REFUSAL, (None, ""))[0] is False:
                action.help = argparse.SUPPRESS


def refuse_unused(options: argparse.Namespace, names: Iterable[str], why: str) -> None:
    """Raise ``CommandError`` for the first of ``names`` that was given on the command line: it
    would have no effect. In the environment, which several programs may share, it is ignored.

    ``why``: the rest of the message, such as ``requires --app``."""
    given = getattr(options, "given", ())  # a program may have made the options in another way
    for name in names:
        if name in given:
            raise CommandError(f"{name} {why}", WRONG_USAGE)


def refuse_without_tls(options: argparse.Namespace, flags: Iterable[str]) -> None:
    """Without ``--tls-cert``, raise ``CommandError`` if one of ``flags`` was given on the command
    line, and unset those from the environment."""
    if options.tls is None:
        for flag in flags:
            refuse_unused(options, (flag,), "requires --tls-cert")
            setattr(options, _dest(flag), False)


def _dest(option: str) -> str:
    """The attribute that argparse gives to an option."""
    return option.removeprefix("--").replace("-", "_")


# -- options of one side ---------------------------------------------------------------------------


def server_option(parser: argparse._ActionsContainer, *names: str, **arguments: Any) -> None:
    """``parser.add_argument`` for an option that only a server has: it is refused together with
    ``--connect``.

    In the environment, which servers and clients may share, a client ignores it."""
    action = parser.add_argument(*names, **arguments)
    setattr(action, _REFUSAL, (True, "is a server's option and cannot be combined with --connect"))


def client_option(
    parser: argparse._ActionsContainer, *names: str, instead: str | None = None, **arguments: Any
) -> None:
    """``parser.add_argument`` for an option that only a client has: it is refused without
    ``--connect``, and ignored by a server in the environment.

    ``instead``: the option that a server has for this, for the message."""
    action = parser.add_argument(
        *names, **{**arguments, "help": f"with --connect: {arguments['help']}"}
    )
    hint = f"; a server takes {instead}" if instead else ""
    setattr(action, _REFUSAL, (False, f"requires --connect{hint}"))


def add_udp_arguments(parser: argparse._ActionsContainer, default_port: int | None = None) -> None:
    """Add the options ``--udp-port`` and ``--no-udp``, which ``serve_both`` uses.

    ``default_port``: for UDP; None for the same as TCP's."""
    default = "the same as --port" if default_port is None else default_port
    server_option(
        parser,
        "--udp-port",
        metavar="N",
        type=port_number,
        default=default_port,
        help=f"port for UDP, 0 for any ({default})",
    )
    server_option(parser, "--no-udp", action="store_true", help="serve no UDP")


# -- types of options ------------------------------------------------------------------------------


class Repeatable(argparse.Action):
    """An option that can be repeated; its values are collected in a list. In the environment,
    commas separate the values. Values on the command line replace those of the environment."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**{**arguments, "default": arguments.get("default") or []})

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        so_far = getattr(namespace, self.dest)
        setattr(namespace, self.dest, [*([] if so_far is self.default else so_far), values])


# An option for each attribute of a class of limits: its name, metavar, type, attribute, and help.
# The metavar of ``size`` and ``positive_size`` is "SIZE": the default is then shown with its unit.
LimitOptions = Sequence[tuple[str, str, Callable[[str], float], str, str]]


def add_limit_options(
    parser: argparse._ActionsContainer, table: LimitOptions, defaults: object
) -> None:
    """Add the options of ``table``, whose defaults are the attributes of ``defaults``."""
    for name, metavar, kind, attribute, meaning in table:
        default = getattr(defaults, attribute)
        if metavar == "SIZE":
            shown = format_size(default)
        else:
            shown = f"{default:g}" if default < 1e6 else str(default)
        parser.add_argument(
            name, metavar=metavar, type=kind, default=default, help=f"{meaning} ({shown})"
        )


def limits_given(options: argparse.Namespace, table: LimitOptions) -> dict[str, Any]:
    """The values of these options by the names of their attributes: arguments for the class."""
    return {attribute: getattr(options, _dest(name)) for name, _, _, attribute, _ in table}


def add_connection_limits(
    parser: argparse._ActionsContainer,
    connections: int,
    per_address: int | None = None,
    *,
    meaning: str = "at a time; more wait",
    exempt: str = "this machine's",
) -> None:
    """Add the option ``--max-connections``, and ``--max-connections-per-address`` if there is a
    default for it.

    ``connections``, ``per_address``: the defaults. ``meaning``: of the first, for the help.
    ``exempt``: the addresses to which the second does not apply."""
    parser.add_argument(
        "--max-connections",
        metavar="N",
        type=positive,
        default=connections,
        help=f"{meaning} (%(default)d)",
    )
    if per_address is not None:
        parser.add_argument(
            "--max-connections-per-address",
            metavar="N",
            type=count,
            default=per_address,
            help=f"the same from one address, except {exempt}; 0: no limit (%(default)d)",
        )


def port_number(text: str) -> int:
    """A TCP or UDP port as an option's type."""
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {text!r}")
    return int(text)


def seconds(text: str) -> float:
    """A time in seconds, 0 or more, as an option's type. Raises
    ``argparse.ArgumentTypeError``."""
    return _number(text, "a number of seconds")


def duration(text: str) -> float:
    """A time in seconds, more than 0, as an option's type. Raises
    ``argparse.ArgumentTypeError``."""
    value = seconds(text)
    if not value:
        raise argparse.ArgumentTypeError("expected a number of seconds, more than 0")
    return value


def number(text: str) -> float:
    """A number, 0 or more, as an option's type. Raises
    ``argparse.ArgumentTypeError``."""
    return _number(text, "a number")


def positive(text: str) -> int:
    """A whole number, 1 or more, as an option's type. Raises
    ``argparse.ArgumentTypeError``."""
    value = count(text)
    if not value:
        raise argparse.ArgumentTypeError("expected a number of at least 1")
    return value


def count(text: str) -> int:
    """A whole number, 0 or more, as an option's type. Raises
    ``argparse.ArgumentTypeError``."""
    if not re.fullmatch(r"[0-9]{1,12}", text):
        raise argparse.ArgumentTypeError(f"expected a whole number, not {text!r}")
    return int(text)


def size(text: str) -> int:
    """A number of bytes, 0 or more, as an option's type: ``65536``, ``64K``, ``10M`` or ``1GiB``.
    The units are powers of 1,024. Raises ``argparse.ArgumentTypeError``."""
    match = re.fullmatch(r"([0-9]{1,12})(?:([KMG])(?:i?B)?|B)?", text, re.ASCII | re.IGNORECASE)
    if match is None:
        raise argparse.ArgumentTypeError(
            f"expected a size in bytes, such as 65536, 64K, 10M or 1G, not {text!r}"
        )
    return int(match[1]) * _UNITS[(match[2] or "").upper()]


def positive_size(text: str) -> int:
    """A number of bytes as ``size`` reads it, 1 or more, as an option's type. Raises
    ``argparse.ArgumentTypeError``."""
    value = size(text)
    if not value:
        raise argparse.ArgumentTypeError("expected a size of at least 1 byte")
    return value


def format_size(number: int) -> str:
    """A number of bytes as ``size`` reads it, in the largest unit that needs no fraction."""
    for unit in ("G", "M", "K"):
        if number and not number % _UNITS[unit]:
            return f"{number // _UNITS[unit]}{unit}"
    return str(number)


def _number(text: str, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e9:
        raise argparse.ArgumentTypeError(f"expected {what}, not {text!r}")
    return value


def host_name(text: str) -> str:
    """A name or address as an option's type; an IPv6 address may have brackets, as in URLs."""
    host = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if ":" in host:  # an IPv6 address, or a mistake such as HOST:PORT or a URL
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"expected a name or an address, without a port, not {text!r}"
            ) from None
    return host


def host_and_port(text: str) -> tuple[str, int]:
    """``host:port`` or ``[address]:port`` as an option's type."""
    match = re.fullmatch(r"\[([^]]+)\]:([0-9]+)|([^:]+):([0-9]+)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"expected HOST:PORT, not {text!r}")
    host = match[1] or match[3]
    return host, port_number(match[2] or match[4])
