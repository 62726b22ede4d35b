"""The echo protocol of asyncio's documentation, on any of the loops. Usage: echo LOOP"""

import asyncio
from typing import Any

from .loops import serve


class Echo(asyncio.Protocol):
    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


serve(Echo)
