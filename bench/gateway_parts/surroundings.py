"""What the gateway needs around it: Valkey, NATS, the services behind it, and a collector for its telemetry."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from aiohttp import web

from bench.gateway_parts import upstream
from bench.gateway_parts.processes import running
from bench.gateway_parts.subjects import Ports
from launcher.binaries import places


@asynccontextmanager
async def surroundings(ports: Ports, folder: Path) -> AsyncIterator[upstream.Prices]:
    """Run all of it, on the load generator's core; gives the prices behind the gateway."""
    valkey = [str(places()["valkey_server"]), "--bind", "127.0.0.1", "--port", str(ports.valkey), "--save", ""]
    nats = [str(places()["nats_server"]), "-a", "127.0.0.1", "-p", str(ports.nats), "-js", "-sd", str(folder / "nats")]
    async with AsyncExitStack() as stack:
        for name, command, port in (("valkey", valkey, ports.valkey), ("nats", nats, ports.nats)):
            server = await stack.enter_async_context(running(command, folder / f"{name}.log"))
            await server.until_listening(port)
        await stack.enter_async_context(_collector(ports.collector))
        yield await stack.enter_async_context(upstream.serving(ports.upstream))


@asynccontextmanager
async def _collector(port: int) -> AsyncIterator[None]:
    """Takes OTLP and throws it away."""

    async def take(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(content_type="application/x-protobuf")

    app = web.Application(client_max_size=2**26)
    app.router.add_post("/{signal:.*}", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield
    finally:
        await runner.cleanup()
