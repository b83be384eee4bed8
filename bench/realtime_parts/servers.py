"""The Python servers under measurement: `python -m bench.realtime_parts.servers ours|stock PORT HZ SYMBOLS`.

Each sends all its clients one `price_update` with SYMBOLS prices HZ times a second; HZ 0 is silence. `ours` is the node
of services/realtime without NATS: ticks enter where the bus would hand them over. `stock` is python-socketio's own emit
on aiohttp, without compression, which its driver would otherwise use.
"""

import asyncio
import sys
import time
from typing import Any

import socketio
import uvloop
from aiohttp import web

from services.kit.clock import SystemClock
from services.kit.health import Health
from services.kit.testing import FakeBus
from services.kit.tokens import Claims
from services.realtime.adapters.flusher import Flusher
from services.realtime.adapters.http import HttpServer, Listening
from services.realtime.adapters.user_events import Stored
from services.realtime.domain.admission import Admission
from services.realtime.domain.hub import Hub
from services.realtime.domain.market import Market, Rates
from services.realtime.domain.payloads import Quote, Tick
from services.realtime.engine.session import Options
from services.realtime.handlers.clients import ClientHandlers
from services.realtime.handlers.recovery import Recovery
from services.realtime.handlers.rooms import Rooms
from services.realtime.handlers.subjects import SubjectHandlers
from services.realtime.socketio_adapter import SocketServer

PRICE = {"price": "61234.50", "bid": "61234.00", "ask": "61235.00", "change_24h": "1.52", "quality": "GOOD"}


class NoHistory:
    """Nobody has missed anything here."""

    async def after(self, user_id: str, after: int, limit: int) -> list[Stored]:
        """Unused."""
        return []


class NoTokens:
    """Nobody logs in here."""

    async def verify(self, token: str) -> Claims:
        """Unused."""
        raise RuntimeError(token)


async def serve_ours(port: int, hertz: float, symbols: int) -> None:
    """The node, with ticks that come HZ times a second for each symbol."""
    clock = SystemClock()
    hub = Hub("bench", Market(Rates(prices=hertz or 1)), clock, max_subscriptions=10)
    Flusher(hub, clock)
    rooms = Rooms(FakeBus(), SubjectHandlers(hub, clock).room, hub.registry.members, clock)
    recovery = Recovery(hub, rooms, NoHistory())
    clients = ClientHandlers(hub, rooms, NoTokens(), recovery, Admission(0), trusted_hops=0)
    listening = Listening(host="127.0.0.1", port=port, max_payload=100_000, drain_spread=0.0)
    await HttpServer(listening, SocketServer(Options(), clients), clients, hub, Health()).start()
    sequence = 0
    while True:
        await asyncio.sleep(1 / hertz if hertz else 3600)
        sequence += 1
        now = time.time() * 1000
        for number in range(symbols):
            symbol = f"S{number:03d}-USD"
            hub.market.tick(Tick(symbol, Quote(**PRICE, seq=sequence, ts=now), now))


async def serve_stock(port: int, hertz: float, symbols: int) -> None:
    """python-socketio as its documentation shows it."""
    sio = socketio.AsyncServer(async_mode="aiohttp", cors_allowed_origins="*")
    driver: Any = sio.eio._async["websocket"]
    sio.eio._async = {**sio.eio._async, "websocket": _uncompressed(driver)}
    app = web.Application()
    sio.attach(app)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=4096).start()
    sequence = 0
    while True:
        await asyncio.sleep(1 / hertz if hertz else 3600)
        sequence += 1
        now = time.time() * 1000
        prices = {f"S{number:03d}-USD": {**PRICE, "seq": sequence, "ts": now} for number in range(symbols)}
        await sio.emit("price_update", {"prices": prices, "published_at": now, "sent_at": now})


def _uncompressed(driver: Any) -> Any:
    class Uncompressed(driver):  # type: ignore[misc]
        async def __call__(self, environ: dict[str, Any]) -> web.WebSocketResponse:
            self._sock = web.WebSocketResponse(compress=False, max_msg_size=self.server.max_http_buffer_size)
            await self._sock.prepare(environ["aiohttp.request"])
            await self.handler(self)
            return self._sock

    return Uncompressed


if __name__ == "__main__":
    name, port, hertz, symbols = sys.argv[1:]
    serve = {"ours": serve_ours, "stock": serve_stock}[name]
    uvloop.run(serve(int(port), float(hertz), int(symbols)))
