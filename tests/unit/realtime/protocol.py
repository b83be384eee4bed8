"""A client of bare packets, for the tests of the protocols."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
from aiohttp import web

from services.kit.testing import free_port
from services.realtime.conformance import OPTIONS, application

PATIENCE = 5.0  # seconds


class Suite:
    """The conformance applications."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self._url = url
        self._http = http

    def at(self, path: str) -> "Endpoint":
        return Endpoint(f"{self._url}/{path}/", self._http)


class Endpoint:
    """One application."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self._url = url
        self._http = http

    async def request(self, query: str, method: str = "GET", data: str | None = None, **options) -> tuple[int, str]:
        async with self._http.request(method, f"{self._url}?{query}", data=data, **options) as answer:
            return answer.status, await answer.text()

    async def poll(self, sid: str) -> tuple[int, str]:
        return await self.request(f"EIO=4&transport=polling&sid={sid}")

    async def post(self, sid: str, data: str) -> tuple[int, str]:
        return await self.request(f"EIO=4&transport=polling&sid={sid}", "POST", data)

    async def open_polling(self) -> str:
        _, opening = await self.request("EIO=4&transport=polling")
        return json.loads(opening[1:])["sid"]

    async def websocket(self, query: str = "EIO=4&transport=websocket") -> "Socket":
        return Socket(await self._http.ws_connect(f"{self._url}?{query}"))

    async def probe(self, sid: str) -> "Socket":
        """A WebSocket that has been told that it may take over."""
        socket = await self.websocket(f"EIO=4&transport=websocket&sid={sid}")
        await socket.send("2probe")
        assert await socket.next() == "3probe"
        return socket

    async def connected(self) -> "Socket":
        """A Socket.IO client of the main namespace."""
        socket = await self.websocket()
        await socket.next()
        await socket.send("40")
        assert (await socket.next()).startswith('40{"sid":')
        assert await socket.next() == '42["auth",{}]'
        return socket


class Socket:
    """A WebSocket."""

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        self._websocket = websocket

    async def send(self, *packets: str | bytes) -> None:
        for packet in packets:
            await (self._websocket.send_str if isinstance(packet, str) else self._websocket.send_bytes)(packet)

    async def next(self) -> str | bytes:
        """The next packet; fails when the connection ends instead."""
        message = await self._websocket.receive(timeout=PATIENCE)
        assert message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY), message
        return message.data

    async def ended(self) -> int | None:
        """Read until the connection ends; returns the code of the closing frame."""
        while (await self._websocket.receive(timeout=PATIENCE)).type in (
            aiohttp.WSMsgType.TEXT,
            aiohttp.WSMsgType.BINARY,
        ):
            pass
        assert self._websocket.closed
        return self._websocket.close_code


@asynccontextmanager
async def conformance_suite(ping_interval: float = 25.0, ping_timeout: float = 20.0) -> AsyncIterator[Suite]:
    options = replace(OPTIONS, ping_interval=ping_interval, ping_timeout=ping_timeout)
    runner, port = web.AppRunner(await application(options), handler_cancellation=True), free_port()
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    async with aiohttp.ClientSession() as http:
        yield Suite(f"http://127.0.0.1:{port}", http)
    await runner.cleanup()
