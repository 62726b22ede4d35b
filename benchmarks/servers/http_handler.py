"""A handler on the reactor's HTTP server that answers 13 bytes. Usage: http_handler.py PORT"""

from http_common import serve

from protocols.http import Request, Response


def hello(request: Request) -> Response:
    return Response(b"Hello, World!", 200, (("Content-Type", "text/plain"),))


serve(lambda reactor: hello)
