import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from engineio.async_socket import AsyncSocket
from engineio.packet import Packet

class AsyncServer:
    max_http_buffer_size: int
    sockets: dict[str, AsyncSocket]
    _async: dict[str, Any]

    class reason:
        SERVER_DISCONNECT: str

    def __init__(self, **options: Any) -> None: ...
    def create_queue(self, *args: Any, **kwargs: Any) -> asyncio.Queue[Packet | None]: ...
    async def send_packet(self, sid: str, pkt: Packet) -> None: ...
    async def handle_request(self, request: web.Request) -> web.StreamResponse: ...
    async def shutdown(self) -> None: ...
