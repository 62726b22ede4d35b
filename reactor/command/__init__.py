"""``python -m reactor``: applications, their options, and processes that share the work.

What an application needs is imported from here. ``cli.py`` is the command itself.
"""

from .application import (
    Application,
    bind_tcp,
    bind_unix_socket,
    format_address,
    inherited,
    listen_tcp,
    listen_udp,
    serve_both,
    tcp_urls,
    udp_urls,
)
from .errors import CANNOT_START, WRONG_USAGE, CommandError, reason
from .extension import Extension
from .loading import load_object, search_current_folder
from .options import (
    LimitOptions,
    Repeatable,
    add_connection_limits,
    add_limit_options,
    add_udp_arguments,
    client_option,
    count,
    duration,
    host_name,
    limits_given,
    number,
    port_number,
    positive,
    refuse_unused,
    refuse_without_tls,
    seconds,
    server_option,
)

__all__ = [
    "CANNOT_START",
    "WRONG_USAGE",
    "Application",
    "CommandError",
    "Extension",
    "LimitOptions",
    "Repeatable",
    "add_connection_limits",
    "add_limit_options",
    "add_udp_arguments",
    "bind_tcp",
    "bind_unix_socket",
    "client_option",
    "count",
    "duration",
    "format_address",
    "host_name",
    "inherited",
    "limits_given",
    "listen_tcp",
    "listen_udp",
    "load_object",
    "number",
    "port_number",
    "positive",
    "reason",
    "refuse_unused",
    "refuse_without_tls",
    "search_current_folder",
    "seconds",
    "serve_both",
    "server_option",
    "tcp_urls",
    "udp_urls",
]
