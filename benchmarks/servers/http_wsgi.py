"""The WSGI application on one of the servers.

Usage: http_wsgi reactor|bjoern|granian|waitress THREADS PORT"""

import sys

from .http_wsgi_app import app

name, threads, port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

if name == "reactor":
    from protocols.http.wsgi.gateway import WSGIHandler

    from .http_common import serve

    serve(lambda reactor: WSGIHandler(app, reactor, threads=threads))
elif name == "bjoern":
    import bjoern

    bjoern.run(app, "127.0.0.1", port)
elif name == "waitress":
    import waitress

    waitress.serve(app, host="127.0.0.1", port=port, threads=threads, _quiet=True)
else:
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces

    Granian(
        f"{__package__}.http_wsgi_app:app",
        address="127.0.0.1",
        port=port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        workers=1,
        log_enabled=False,
    ).serve()
