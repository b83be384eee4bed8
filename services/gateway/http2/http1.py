"""HTTP/1.1 and WebSockets: Hypercorn's own path, less what would go past the engine or smuggle requests."""

import asyncio
from typing import cast

import h11
from hypercorn.asyncio.tcp_server import MAX_RECV, TCPServer
from hypercorn.events import Closed, RawData
from hypercorn.protocol.h11 import H11Protocol

BAD_REQUEST = 400
VERSION_NOT_SUPPORTED = 505


class StrictH11(H11Protocol):
    """Hypercorn's HTTP/1.1 without its ways into its own HTTP/2, and with one meaning for the length of a body."""

    def __init__(self, stock: H11Protocol) -> None:
        super().__init__(
            stock.app,
            stock.config,
            stock.context,
            stock.task_group,
            stock.connection_state,
            stock.ssl,
            stock.client,
            stock.server,
            stock.send,
        )

    @property
    def in_header(self) -> bool:
        """Whether a request's head has begun and not ended."""
        waits = self.connection.their_state is h11.IDLE
        return waits and bool(self.connection.trailing_data[0])

    async def _check_protocol(self, event: h11.Request) -> None:
        """Stay with HTTP/1.1: RFC 9113 has withdrawn `Upgrade: h2c`, which a server may ignore."""

    async def _create_stream(self, request: h11.Request) -> None:
        """Refuse what would be understood in two ways (RFC 9112 section 6.3), or is another protocol."""
        names = {name for name, _ in request.headers}
        if request.http_version not in (b"1.1", b"1.0"):
            await self._refuse(VERSION_NOT_SUPPORTED)
        elif b"content-length" in names and b"transfer-encoding" in names:
            await self._refuse(BAD_REQUEST)
        else:
            await super()._create_stream(request)

    async def _refuse(self, status: int) -> None:
        await self._send_error_response(status)
        await self.send(Closed())


class Http1Server(TCPServer):
    """Hypercorn's server for one connection, with a limit on the time that a request's head may take."""

    header_timeout = 10.0

    async def _read_data(self) -> None:
        self.protocol.protocol = protocol = StrictH11(cast("H11Protocol", self.protocol.protocol))
        deadline: float | None = None
        while not self.reader.at_eof():
            try:
                async with asyncio.timeout_at(deadline):
                    data = await self.reader.read(MAX_RECV)
            except (OSError, TimeoutError):
                break
            await self.protocol.handle(RawData(data))
            if not protocol.in_header:
                deadline = None
            elif deadline is None and self.header_timeout:
                deadline = self.loop.time() + self.header_timeout
        await self.protocol.handle(Closed())
        await self.idle_task.stop()  # it would keep the connection for as long as it may be idle
