"""Serve a small application with one of the two HTTP/2 engines, to be measured with h2load.

python bench/http2_engine.py ngh2|hypercorn bare|starlette PORT
h2load -D 5 -c 10 -m 20 http://127.0.0.1:PORT/
"""

import asyncio
import sys
from typing import Any

import uvloop
from hypercorn.asyncio.run import worker_serve
from hypercorn.config import Config
from hypercorn.utils import wrap_app
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from services.gateway.http2.limits import Limits
from services.gateway.http2.serving import serve

BODY = b'{"status":"ok"}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """The least that an application can do."""
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})


async def ping(request: Request) -> JSONResponse:
    """The same by Starlette."""
    return JSONResponse({"status": "ok"})


async def main(engine: str, name: str, port: int) -> None:
    """Serve until interrupted."""
    app: Any = bare if name == "bare" else Starlette(routes=[Route("/", ping)])
    config = Config()
    config.bind, config.include_server_header = [f"127.0.0.1:{port}"], False
    config.keep_alive_max_requests = 10**9
    sockets, stop = config.create_sockets(), asyncio.Event()
    if engine == "ngh2":
        await serve(app, config, sockets=sockets, shutdown_trigger=stop.wait, limits=Limits())
    else:
        await worker_serve(wrap_app(app, 0, "asgi"), config, sockets=sockets, shutdown_trigger=stop.wait)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
