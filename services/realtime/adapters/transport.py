"""What Engine.IO sends through: a queue that knows its size, and a WebSocket that never waits."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from aiohttp import WSMsgType, web

from services.realtime.domain import packets

_PACKET_TYPES = frozenset("0123456")


class Sized(Protocol):
    """A packet of the library's."""

    @property
    def data(self) -> object:
        """What it carries."""
        ...


Item = TypeVar("Item", bound=Sized)


class Outbox(asyncio.Queue[Item | None]):
    """The queue of one session, which also knows its size and whether all that was taken from it has been written."""

    def __init__(self) -> None:
        super().__init__()
        self.unwritten = 0  # packets
        self.size = 0  # characters
        self.abandoned = False  # the client was cut off

    def add(self, packet: Item) -> int:
        """Append a packet, unless the client was cut off; returns the size."""
        if not self.abandoned:
            self.put_nowait(packet)
        return self.size

    def task_done(self) -> None:
        """A packet that was taken is about to be written, before anything else can be."""
        super().task_done()
        self.unwritten -= 1

    def _put(self, item: Item | None) -> None:
        super()._put(item)
        self.unwritten += 1
        self.size += _length(item)

    def _get(self) -> Item | None:
        item = super()._get()
        self.size -= _length(item)
        return item


class WebSocket:
    """Engine.IO's view of a WebSocket: no compression, and no waiting for a slow reader."""

    def __init__(self, handler: Callable[["WebSocket"], Awaitable[None]], max_message: int) -> None:
        self._handler = handler
        self._socket = web.WebSocketResponse(compress=False, max_msg_size=max_message)
        self._transport: asyncio.Transport | None = None

    async def __call__(self, environ: dict[str, Any]) -> web.WebSocketResponse:
        """Accept, and let Engine.IO serve until the end."""
        request: web.Request = environ["aiohttp.request"]
        await self._socket.prepare(request)
        self._transport = request.transport
        await self._handler(self)
        return self._socket

    def write(self, data: bytes) -> int:
        """Write complete frames, unless the end has come; returns how many bytes the client has left unread."""
        if self._transport is None or self._transport.is_closing() or self._socket.closed:
            return 0
        self._transport.write(data)
        return self._transport.get_write_buffer_size()

    async def send(self, message: str | bytes) -> None:
        """Write one packet of the library's, all of which are text; never waits, so that packets stay in order."""
        self.write(packets.frame(message if isinstance(message, bytes) else message.encode()))

    async def wait(self) -> str:
        """The next packet. Raises OSError at the end, and for what is no packet."""
        message = await self._socket.receive()
        if message.type is WSMsgType.TEXT and message.data[:1] in _PACKET_TYPES:
            return str(message.data)
        raise OSError("closed, or not an Engine.IO packet")

    async def close(self) -> None:
        """Say goodbye, then close."""
        await self._socket.close()

    def abort(self) -> None:
        """Close at once; what was not sent is dropped."""
        if self._transport is not None:
            self._transport.abort()


def _length(packet: Sized | None) -> int:
    return len(packet.data) if packet is not None and isinstance(packet.data, str) else 0
