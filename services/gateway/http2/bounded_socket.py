"""A WebSocket of Hypercorn, over either protocol, that keeps no more of a message than it may."""

import asyncio
from typing import Any

from hypercorn.protocol.events import Body, Data, Event, StreamClosed
from hypercorn.protocol.ws_stream import ASGIWebsocketState, WSStream
from hypercorn.typing import WebsocketAcceptEvent

LINGER_SECONDS = 2.0
BAD_REQUEST = 400


class BoundedSocket(WSStream):
    """Hypercorn's calls a message too big (1009), and goes on to collect it for as long as the client sends.

    It would also unpack all that it reads before it measures it: 60 KB of permessage-deflate make 60 MB, and hold up
    everybody for as long as that takes. So nothing is compressed, as at realtime (RFC 7692 lets a server decline).
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._deaf = False  # the client may go on; nobody listens

    async def handle(self, event: Event) -> None:
        """Called by the protocol."""
        if isinstance(event, Body | Data) and not self.handshake.accepted:
            await self._refuse_early()
        elif not (isinstance(event, Data) and self._deaf):
            await super().handle(event)

    async def _refuse_early(self) -> None:
        """Refuse what does not wait for the answer, unless the application is refusing already."""
        if self.state is ASGIWebsocketState.HANDSHAKE and not self.closed:
            self.closed = True  # before it is said, so that the application does not answer as well
            await self._send_error_response(BAD_REQUEST)

    async def _accept(self, message: WebsocketAcceptEvent) -> None:
        self.handshake.extensions = None
        await super()._accept(message)

    async def _handle_events(self) -> None:
        await super()._handle_events()
        if self.buffer.length > self.buffer.max_length:
            self.buffer.clear()
            self._deaf = True
            self.task_group.spawn(self._end_soon)

    async def _end_soon(self) -> None:
        """The client may still be sending: what meets a closed connection would erase the reason on its way."""
        await asyncio.sleep(LINGER_SECONDS)
        await self.send(StreamClosed(stream_id=self.stream_id))
