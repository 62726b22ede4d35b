"""A protocol that reads and forgets, on any of the loops: what a connection costs by itself."""

import asyncio

from loops import serve


class Silent(asyncio.Protocol):
    __slots__ = ()

    def data_received(self, data: bytes) -> None:
        pass


serve(Silent)
