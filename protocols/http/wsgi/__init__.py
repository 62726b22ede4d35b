"""WSGI (PEP 3333): Python web applications behind the HTTP server."""
