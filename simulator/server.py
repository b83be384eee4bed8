"""The HTTP server: every venue under its own path prefix, and the market running behind them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from simulator.control import Control
from simulator.market import Event, MarketSource
from simulator.venues.base import SIMULATED, Venue, json_response

SECOND = 1.0
SHUTDOWN_TIMEOUT = 1.0  # seconds for open sockets to close


def application(source: MarketSource, venues: Mapping[str, Venue]) -> web.Application:
    """All routes: / and /control, and each venue's own below /<venue>."""
    app = web.Application(middlewares=[_refuse_when_told(venues)])
    app.add_routes(Control(source.mode, venues).routes())
    for name, venue in venues.items():
        app.add_routes(
            web.RouteDef(route.method, f"/{name}{route.path}", route.handler, route.kwargs) for route in venue.routes()
        )
    app.on_response_prepare.append(_mark)
    app.on_shutdown.append(_say_goodbye(venues))
    return app


def _refuse_when_told(venues: Mapping[str, Venue]) -> Middleware:
    @web.middleware
    async def refuse(request: web.Request, handler: Handler) -> web.StreamResponse:
        venue = venues.get(request.path.split("/")[1])
        if venue is not None and venue.refusing:
            return json_response({"error": "the simulator was told to refuse connections to this venue"}, status=503)
        return await handler(request)

    return refuse


def _say_goodbye(venues: Mapping[str, Venue]) -> Callable[[web.Application], Awaitable[None]]:
    async def close_all(app: web.Application) -> None:
        sessions = [session for venue in venues.values() for session in venue.hub.sessions]
        await asyncio.gather(*(session.close() for session in sessions), return_exceptions=True)

    return close_all


async def _mark(request: web.Request, response: web.StreamResponse) -> None:
    """Every answer says that it is simulated, handshakes and errors included."""
    response.headers.update(SIMULATED)


@asynccontextmanager
async def serving(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Listen until the block ends; gives the port, which was chosen if 0 was asked for. Raises OSError."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_TIMEOUT)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


async def run_market(source: MarketSource, venues: Mapping[str, Venue]) -> None:
    """Feed events to their venues, and give each venue its second hand. Runs for ever."""

    def publish(event: Event) -> None:
        venue = venues.get(event.venue)
        if venue is not None:
            venue.receive(event)

    async with asyncio.TaskGroup() as group:
        group.create_task(source.run(publish))
        group.create_task(_tick(venues))


async def _tick(venues: Mapping[str, Venue]) -> None:
    while True:
        await asyncio.sleep(SECOND)
        for venue in venues.values():
            venue.every_second()
