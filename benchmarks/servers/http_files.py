"""A folder on the reactor's HTTP server. Usage: http_files.py FOLDER PORT"""

import sys

from http_common import serve

from protocols.http.files.handler import FileHandler

serve(lambda reactor: FileHandler(sys.argv[1]))
