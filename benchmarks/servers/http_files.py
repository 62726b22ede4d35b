"""A folder on the reactor's HTTP server. Usage: http_files FOLDER PORT"""

import sys

from protocols.http.files.handler import FileHandler

from .http_common import serve

serve(lambda reactor: FileHandler(sys.argv[1]))
