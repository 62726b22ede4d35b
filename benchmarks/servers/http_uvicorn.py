"""A bare ASGI application on uvicorn with uvloop and httptools: 13 bytes.

Usage: http_uvicorn PORT"""

import sys
from typing import Any

import uvicorn

START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/plain"), (b"content-length", b"13")],
}
BODY = {"type": "http.response.body", "body": b"Hello, World!"}


async def hello(scope: dict[str, Any], receive: Any, send: Any) -> None:
    await send(START)
    await send(BODY)


uvicorn.run(
    hello,
    host="127.0.0.1",
    port=int(sys.argv[-1]),
    loop="uvloop",
    http="httptools",
    interface="asgi3",
    lifespan="off",
    access_log=False,
    log_level="warning",
    timeout_keep_alive=3600,
)
