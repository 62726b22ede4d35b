"""A handler on the reactor's HTTP server: 13 bytes. Usage: http_handler PORT"""

from protocols.http import Request, Response

from .http_common import serve


def hello(request: Request) -> Response:
    return Response(b"Hello, World!", 200, (("Content-Type", "text/plain"),))


serve(lambda reactor: hello)
