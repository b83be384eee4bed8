"""The gateway over its real server in the test's own process, with services of the test behind it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.gateway.certificate import development_certificate
from services.gateway.server import HttpServer, hypercorn_config
from services.kit.testing import free_port
from tests.unit.gateway.harness import Harness, gateway


@dataclass
class Running:
    """A gateway that listens."""

    harness: Harness
    server: HttpServer
    plain: str
    tls: str
    ca: Path
    port: int


@asynccontextmanager
async def running(tls_folder: Path, realtime: str = "http://127.0.0.1:1", **options: Any) -> AsyncIterator[Running]:
    async with AsyncExitStack() as stack:
        harness = await stack.enter_async_context(gateway(realtime=realtime, **options))
        certificate, port, tls_port = development_certificate(tls_folder), free_port(), free_port()
        server = HttpServer(harness.app, hypercorn_config("127.0.0.1", port, tls_port, certificate))
        await server.start()
        plain, tls = f"http://127.0.0.1:{port}", f"https://localhost:{tls_port}"
        try:
            yield Running(harness, server, plain, tls, certificate.chain, port)
        finally:
            harness.stopping.set()
            await server.drain(1.0)
