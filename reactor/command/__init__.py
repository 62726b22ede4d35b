"""``python -m reactor``: applications, their options, and processes that share the work.

The names here are what an application needs; ``cli.py`` is the command itself.
"""

from .application import (
    CANNOT_START,
    WRONG_USAGE,
    Application,
    CommandError,
    Repeatable,
    add_udp_arguments,
    bind_tcp,
    bind_unix_socket,
    client_option,
    count,
    duration,
    format_address,
    inherited,
    listen_tcp,
    number,
    positive,
    reason,
    seconds,
    serve_both,
    server_option,
    tcp_urls,
)

__all__ = [
    "CANNOT_START",
    "WRONG_USAGE",
    "Application",
    "CommandError",
    "Repeatable",
    "add_udp_arguments",
    "bind_tcp",
    "bind_unix_socket",
    "client_option",
    "count",
    "duration",
    "format_address",
    "inherited",
    "listen_tcp",
    "number",
    "positive",
    "reason",
    "seconds",
    "serve_both",
    "server_option",
    "tcp_urls",
]
