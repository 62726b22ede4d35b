"""The WSGI application on one of the servers.

Usage: http_wsgi.py reactor|bjoern|granian|waitress THREADS PORT"""

import sys

from http_wsgi_app import app

name, threads, port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

if name == "reactor":
    from http_common import serve

    from protocols.http.wsgi.gateway import WSGIHandler

    serve(lambda reactor: WSGIHandler(app, reactor, threads=threads))
elif name == "bjoern":
    import bjoern  # type: ignore[import-untyped]

    bjoern.run(app, "127.0.0.1", port)
elif name == "waitress":
    import waitress  # type: ignore[import-untyped]

    waitress.serve(app, host="127.0.0.1", port=port, threads=threads, _quiet=True)
else:
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces

    Granian(
        "http_wsgi_app:app",
        address="127.0.0.1",
        port=port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        workers=1,
        log_enabled=False,
    ).serve()
