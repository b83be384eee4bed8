"""The bare handler on the gateway's own server, without the pipeline.

python -m bench.gateway_parts.engine ngh2|hypercorn PORT
"""

import asyncio
import signal
import sys

import uvloop

from bench.gateway_parts.apps.bare import app
from services.gateway.server import HttpServer, hypercorn_config


async def main(engine: str, port: int) -> None:
    """Serve until told to stop."""
    server = HttpServer(app, hypercorn_config("127.0.0.1", port, 0, None), engine)
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    await server.start()
    await stopping.wait()
    await server.drain(1.0)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2])))
