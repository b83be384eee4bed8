"""WebSockets over HTTP/2 (RFC 8441): Hypercorn's own, on a stream of ours."""

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.protocol import events as stock
from hypercorn.protocol.ws_stream import WSStream
from hypercorn.typing import ASGIFramework, ConnectionState

from services.gateway.http2 import response
from services.gateway.http2.bounded_socket import BoundedSocket
from services.gateway.http2.handshake import check_handshake
from services.gateway.http2.patience import Patience
from services.gateway.http2.request import Header, Refused, Request
from services.gateway.http2.sender import ClientGone
from services.gateway.http2.socket_tasks import SocketTasks
from services.gateway.http2.statistics import Event

if TYPE_CHECKING:
    from services.gateway.http2.connection import Http2Connection


class WebSocketStream:
    """A WebSocket on a connection; to the connection it is a stream like any other."""

    def __init__(self, connection: "Http2Connection", stream_id: int, request: Request) -> None:
        self._connection = connection
        self._sender = connection.sender
        self._request = request
        self.stream_id = stream_id
        self.received = self.sent = self.unread = 0
        self.ended = False
        self.body_patience: Patience | None = None
        self.stall_patience: Patience | None = None
        self.owes_body = False  # it may be silent for as long as it likes; the socket has pings of its own
        self._inbox: deque[bytes] = deque()
        self._gone = False
        self._begun = False  # the answer has
        self.answered = False
        self._changed = asyncio.Event()
        self._writable = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    # What the connection tells

    def begin(self) -> None:
        """Call the application, unless the client has changed its mind or its handshake is malformed."""
        if self._gone:
            return
        engine = self._connection.engine
        engine.events[Event.WEBSOCKETS] += 1
        try:
            check_handshake(self._request.headers)
        except Refused as refused:
            self._refuse(refused)
        else:
            self._task = engine.loop.create_task(self._run())

    def cancel(self) -> None:
        """Stop the application: the server ends."""
        if self._task is not None:
            self._task.cancel()

    def on_data(self, data: bytes, ended: bool) -> None:
        """A part of what the client says; it may say as much again when the application has taken it."""
        self.ended = ended
        if data:
            self._inbox.append(data)
        if self.answered:
            self._drop_inbox()
        self._changed.set()

    def on_closed(self) -> None:
        """The stream has ended."""
        self._gone = True
        self._drop_inbox()
        self._changed.set()
        self._writable.set()

    def on_drained(self) -> None:
        """What was sent has left the queue, or most of it."""
        self._writable.set()

    # The application's side

    async def _run(self) -> None:
        try:
            tasks = SocketTasks(self._connection.engine.loop)
            async with tasks:
                socket = self._socket(tasks)
                await socket.handle(self._handshake())
                await self._pump(socket)
                socket.closed = False  # Hypercorn's mark of a refusal, of which it tells the application nothing
                await socket.handle(stock.StreamClosed(self.stream_id))
                tasks.end_pings()
        except* Exception:
            self._connection.engine.application_failed()
        finally:
            self._task = None
            self._end()

    def _socket(self, tasks: SocketTasks) -> WSStream:
        connection, engine = self._connection, self._connection.engine
        app = ASGIWrapper(cast("ASGIFramework", engine.app))
        secure = connection.scheme == "https"
        return BoundedSocket(
            app, engine.config, WorkerContext(None), tasks, secure, connection.client, connection.server, self._send,
            self.stream_id,
        )  # fmt: skip

    def _handshake(self) -> stock.Request:
        request = self._request
        target = request.raw_path + (b"?" + request.query if request.query else b"")
        state = cast("ConnectionState", self._connection.engine.state)
        return stock.Request(self.stream_id, request.headers, "2", "CONNECT", target, state)

    async def _pump(self, socket: WSStream) -> None:
        """Hand what the client says to the socket, until one of them has had enough."""
        while not (self._gone or self.answered):
            if self._inbox:
                await socket.handle(stock.Data(self.stream_id, self._take()))
            elif self.ended:
                return
            else:
                self._changed.clear()
                await self._changed.wait()

    def _take(self) -> bytes:
        data = self._inbox.popleft()
        self._sender.acknowledge(self.stream_id, len(data))  # now: the socket may keep it for ever
        return data

    def _drop_inbox(self) -> None:
        """Give back to the connection's window what nobody will take."""
        self._sender.acknowledge(self.stream_id, sum(map(len, self._inbox)))
        self._inbox.clear()

    async def _send(self, event: stock.Event) -> None:
        with suppress(ClientGone):
            match event:
                case stock.Response(headers=headers, status_code=status):
                    self._send_head(status, headers)
                case stock.Body(data=data) | stock.Data(data=data):
                    await self._send_data(data)
                case stock.EndBody() | stock.EndData() | stock.StreamClosed():
                    self._end()

    def _send_head(self, status: int, headers: list[Header]) -> None:
        self._sender.send_head(self.stream_id, response.head(status, headers), ended=False)
        self._begun = True

    async def _send_data(self, data: bytes) -> None:
        if self.answered:
            return
        self.sent += len(data)
        self._sender.send_data(self.stream_id, data, ended=False)
        while self._sender.is_full(self) and not self._gone:
            self._writable.clear()
            await self._writable.wait()

    def _refuse(self, refused: Refused) -> None:
        """Answer for the application."""
        self._connection.engine.events[Event.REFUSED_REQUESTS] += 1
        headers, body = response.refusal(refused.status, refused.detail)
        with suppress(ClientGone):
            self._send_head(refused.status, headers)
            self._sender.send_data(self.stream_id, body, ended=False)
        self._end()

    def _end(self) -> None:
        if self.answered or self._gone:
            return
        self.answered = True
        self._drop_inbox()
        self._changed.set()
        with suppress(ClientGone):
            if not self._begun:  # the application has failed, or Hypercorn with its answer
                self._send_head(500, [(b"content-length", b"0")])
            self._sender.send_data(self.stream_id, b"", ended=True)
            if not self.ended:
                self._sender.answered_early(self.stream_id)
