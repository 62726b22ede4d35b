"""The environ of a request (PEP 3333, which builds on RFC 3875 section 4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_to_bytes

from ..errors import HTTPError
from ..fields import USUAL_NAMES
from .errors import ERRORS
from .filewrapper import FileWrapper
from .input import NO_BODY

if TYPE_CHECKING:
    from ..fields import Fields
    from ..head import RequestHead
    from ..request import Request

_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}

# Not passed on as HTTP_*. Many client libraries in the same process would use HTTP_PROXY as their
# proxy ("httpoxy", CVE-2016-5385). Transfer-Encoding is already decoded. The others have variables
# without the prefix.
_NOT_PASSED: Final = frozenset({"content-length", "content-type", "proxy", "transfer-encoding"})

_CONSTANT: Final[dict[str, Any]] = {
    "GATEWAY_INTERFACE": "CGI/1.1",
    "SERVER_SOFTWARE": "select-reactor",
    "SCRIPT_NAME": "",
    "REMOTE_ADDR": "",  # a client on a Unix socket has no address
    "wsgi.version": (1, 0),
    "wsgi.errors": ERRORS,
    "wsgi.file_wrapper": FileWrapper,
    "wsgi.input_terminated": True,  # reading to the end is safe, regardless of CONTENT_LENGTH
    "wsgi.input": NO_BODY,
    "wsgi.multithread": False,
    "wsgi.multiprocess": False,
    "wsgi.run_once": False,
}


def make_environ(request: Request) -> dict[str, Any]:
    """The environ of a request without a body. Raises ``HTTPError``.

    ``wsgi.multithread`` and ``wsgi.multiprocess`` are false, and ``wsgi.input`` is empty; the
    caller may change them."""
    head = request.head
    environ: dict[str, Any] | None = head.wsgi_environ
    if environ is None:
        environ = _from_head(head)
        if head.is_kept:
            head.wsgi_environ = environ.copy()
    else:
        environ = environ.copy()
    peer = request.peername
    if type(peer) is tuple:
        environ["REMOTE_ADDR"] = peer[0]
        environ["REMOTE_PORT"] = str(peer[1])
    # Request.origin costs as much as all of this, and mostly says nothing new.
    if not request.is_origin_plain:
        _set_origin(environ, request)
    return environ


def _set_origin(environ: dict[str, Any], request: Request) -> None:
    """Set what TLS or a trusted proxy changes, and what the client did not send."""
    client, scheme, host = request.origin
    if client != environ["REMOTE_ADDR"]:  # the peer is a proxy
        environ["REMOTE_ADDR"] = client
        environ.pop("REMOTE_PORT", None)
    if host:
        environ["HTTP_HOST"] = host
    _set_server(environ, scheme, host, request.sockname)


def _from_head(head: RequestHead) -> dict[str, Any]:
    """The variables that depend on the head, and those that never change. Raises ``HTTPError``."""
    method = head.method
    if method == "CONNECT":  # any 2xx response would open a tunnel
        raise HTTPError(501, "The application is not a proxy.")
    fields = head.fields
    environ = _from_fields(fields)
    path = head.path
    environ["REQUEST_METHOD"] = method
    environ["REQUEST_URI"] = environ["RAW_URI"] = head.target
    environ["PATH_INFO"] = unquote_to_bytes(path).decode("latin-1") if "%" in path else path
    environ["QUERY_STRING"] = head.query
    if head.authority != fields.host:  # the target overrides Host (RFC 9112 section 3.2.2)
        environ["HTTP_HOST"] = head.authority
        _set_server(environ, "http", head.authority, None)
    return environ


def _from_fields(fields: Fields) -> dict[str, Any]:
    """The variables that do not depend on the request line, except for its version."""
    known = fields.wsgi_environ
    if known is not None:
        return known.copy()
    if fields.base is None:
        environ = _from_new_fields(fields)
    else:
        environ = _from_fields(fields.base)
        environ["HTTP_COOKIE"] = fields.headers.get("cookie")
    if fields.is_kept:
        fields.wsgi_environ = environ.copy()
    return environ


def _from_new_fields(fields: Fields) -> dict[str, Any]:
    environ = _CONSTANT.copy()
    environ["SERVER_PROTOCOL"] = "HTTP/1.1" if fields.minor else "HTTP/1.0"
    by_name = fields.headers.by_name()
    variables = _VARIABLES
    for name, value in by_name.items():
        environ[variables.get(name) or _variable(name)] = value
    environ.pop("", None)
    if "content-type" in by_name:
        environ["CONTENT_TYPE"] = by_name["content-type"]
    if "content-length" in by_name:
        environ["CONTENT_LENGTH"] = str(fields.content_length)
    _set_server(environ, "http", fields.host, None)
    return environ


def _variable(name: str) -> str:
    """The variable for a field; "" for a field that is not passed on."""
    # Drop names with an underscore, which would look like names with a dash: a proxy that removes
    # "X-User" lets "X_User" pass.
    if "_" in name or name in _NOT_PASSED:
        return ""
    return f"HTTP_{name.upper().replace('-', '_')}"


# For the fields that browsers send: a dict is faster than the function.
_VARIABLES: Final = {name: _variable(name) for name in USUAL_NAMES if _variable(name)}


def _set_server(environ: dict[str, Any], scheme: str, host: str, sockname: Any) -> None:
    """Set the variables for the server. ``host``: as the client sent it; "" if it did not."""
    environ["wsgi.url_scheme"] = scheme
    if scheme == "https":
        environ["HTTPS"] = "on"
    name, colon, port = host.rpartition(":")
    if not colon or port.endswith("]"):
        name, port = host, ""
    if not name and type(sockname) is tuple:
        name, port = sockname[0], str(sockname[1])
        name = f"[{name}]" if ":" in name else name
    environ["SERVER_NAME"] = name or "localhost"  # on a Unix socket, without a Host field
    environ["SERVER_PORT"] = port or _DEFAULT_PORTS[scheme]
