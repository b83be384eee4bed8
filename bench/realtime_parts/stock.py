"""python-socketio as its documentation shows it: `python -m bench.realtime_parts.stock PORT HZ SYMBOLS`.

It sends what the nodes send: HZ times a second a `price_update` with all SYMBOLS to the room `prices`, and with one to
each room `prices:<SYMBOL>`, where anybody is in it. Without compression, which its aiohttp driver would use.
"""

import asyncio
import sys
import time
from typing import Any

import socketio
import uvloop
from aiohttp import web

PRICE = {"price": "61234.50", "bid": "61234.00", "ask": "61235.00", "change_24h": "1.52", "quality": "GOOD"}


async def serve(port: int, hertz: float, symbols: int) -> None:
    """Serve for ever."""
    sio = socketio.AsyncServer(async_mode="aiohttp", cors_allowed_origins="*")
    sio.eio._async = {**sio.eio._async, "websocket": _uncompressed(sio.eio._async["websocket"])}
    wanted: set[str] = set()

    async def subscribe(sid: str, channels: list[str]) -> dict[str, list[str]]:
        for channel in channels:
            wanted.add(channel)
            await sio.enter_room(sid, channel)
        return {"subscribed": channels}

    sio.on("subscribe", subscribe)
    app = web.Application()
    sio.attach(app)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=4096).start()
    sequence = 0
    while True:
        await asyncio.sleep(1 / hertz if hertz else 3600)
        sequence += 1
        await _send_prices(sio, wanted, sequence, symbols)


async def _send_prices(sio: socketio.AsyncServer, wanted: set[str], sequence: int, symbols: int) -> None:
    now = time.time() * 1000
    prices = {f"S{number:03d}-USD": {**PRICE, "seq": sequence, "ts": now} for number in range(symbols)}
    rooms = {"prices": prices} | {f"prices:{symbol}": {symbol: price} for symbol, price in prices.items()}
    for room in wanted & rooms.keys():
        update = {"prices": rooms[room], "published_at": now, "sent_at": now}
        await sio.emit("price_update", update, room=room)


def _uncompressed(driver: Any) -> Any:
    """The driver with one line changed."""

    async def call(self: Any, environ: dict[str, Any]) -> web.WebSocketResponse:
        self._sock = web.WebSocketResponse(compress=False, max_msg_size=self.server.max_http_buffer_size)
        await self._sock.prepare(environ["aiohttp.request"])
        await self.handler(self)
        return self._sock

    return type("Uncompressed", (driver,), {"__call__": call})


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])))
