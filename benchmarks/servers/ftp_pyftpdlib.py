"""A folder on pyftpdlib. Usage: ftp_pyftpdlib FOLDER PORT"""

import logging
import sys

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer

logging.basicConfig(level=logging.ERROR)  # otherwise it logs each command
authorizer = DummyAuthorizer()
authorizer.add_anonymous(sys.argv[1])
FTPHandler.authorizer = authorizer
server = FTPServer(("127.0.0.1", int(sys.argv[2])), FTPHandler, backlog=1000)
server.max_cons = 20_000
server.serve_forever()
