"""WebSockets over HTTP/1.1: Hypercorn's own path, less what would go past the engines."""

from contextlib import suppress
from typing import cast

import h11
from hypercorn.asyncio.tcp_server import MAX_RECV, TCPServer
from hypercorn.events import Closed, RawData
from hypercorn.protocol.events import Request
from hypercorn.protocol.h11 import STREAM_ID, H11Protocol, H11WSConnection
from hypercorn.protocol.ws_stream import WSStream

from services.gateway.http2.bounded_socket import BoundedSocket
from services.gateway.http2.socket_tasks import SocketTasks

BAD_REQUEST = 400


class StrictH11(H11Protocol):
    """Hypercorn's HTTP/1.1 for nothing but WebSockets."""

    def __init__(self, stock: H11Protocol, tasks: SocketTasks) -> None:
        super().__init__(
            stock.app,
            stock.config,
            stock.context,
            tasks,
            stock.connection_state,
            stock.ssl,
            stock.client,
            stock.server,
            stock.send,
        )

    @property
    def over(self) -> bool:
        """Whether there is no socket (any more); Hypercorn would wait for the client to leave."""
        return self.stream is None or self.stream.closed

    async def _check_protocol(self, event: h11.Request) -> None:
        """Stay with HTTP/1.1: RFC 9113 has withdrawn `Upgrade: h2c`, which a server may ignore."""

    async def _create_stream(self, request: h11.Request) -> None:
        """Refuse what Hypercorn would not take for a WebSocket but serve: h11 allows more than RFC 9112."""
        if not _is_websocket(request):
            await self._send_error_response(BAD_REQUEST)
            await self.send(Closed())
            return
        self.stream = BoundedSocket(
            self.app, self.config, self.context, self.task_group, self.ssl, self.client, self.server, self.stream_send,
            STREAM_ID,
        )  # fmt: skip
        self.connection = H11WSConnection(cast("h11.Connection", self.connection))
        version, method = request.http_version.decode(), request.method.decode()
        await self.stream.handle(
            Request(STREAM_ID, list(request.headers), version, method, request.target, self.connection_state)
        )

    async def _close_stream(self) -> None:
        """Tell the application also if it was asked about a handshake that has been refused since."""
        if isinstance(self.stream, WSStream):
            self.stream.closed = False  # Hypercorn's mark of a refusal, of which it tells nobody
        await super()._close_stream()


def _is_websocket(request: h11.Request) -> bool:
    """By Hypercorn's own test, which heeds the last line of each name."""
    fields = dict(request.headers)
    options = [option.strip().lower() for option in fields.get(b"connection", b"").split(b",")]
    return b"upgrade" in options and fields.get(b"upgrade", b"").lower() == b"websocket" and request.method == b"GET"


class Http1Server(TCPServer):
    """Hypercorn's server for one connection that has asked for a WebSocket; its whole head is there."""

    async def _read_data(self) -> None:
        tasks = SocketTasks(self.loop)
        async with tasks:
            self.protocol.protocol = protocol = StrictH11(cast("H11Protocol", self.protocol.protocol), tasks)
            await self._read(protocol)
            await self.protocol.handle(Closed())
            tasks.end_pings()
        await self.idle_task.stop()  # it would keep the connection for as long as it may be idle

    async def _read(self, protocol: StrictH11) -> None:
        """Hand over what arrives until somebody has had enough."""
        with suppress(OSError):
            while not self.reader.at_eof():
                await protocol.handle(RawData(await self.reader.read(MAX_RECV)))
                if protocol.over:
                    break
        self.writer.close()
