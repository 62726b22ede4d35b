"""A protocol that discards what it reads, on any of the loops: the cost of a bare connection."""

import asyncio

from .loops import serve


class Silent(asyncio.Protocol):
    __slots__ = ()

    def data_received(self, data: bytes) -> None:
        pass


serve(Silent)
