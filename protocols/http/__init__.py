"""HTTP/1.1 (RFC 9110, RFC 9112): a server on the reactor, for handlers in Python, files, and WSGI
applications."""

from .errors import HTTPError
from .headers import Headers
from .limits import Limits
from .request import Request
from .response import Response
from .server import HTTPServer
from .writer import BodyWriter

__all__ = [
    "BodyWriter",
    "HTTPError",
    "HTTPServer",
    "Headers",
    "Limits",
    "Request",
    "Response",
]
