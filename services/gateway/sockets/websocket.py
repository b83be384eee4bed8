"""WebSocket frames, client to realtime and back.

One frame is passed on before the next is read, in each direction, so a slow reader slows its writer and memory stays
flat. Towards realtime nothing is compressed: it is a short way, and deflate costs more than the bytes.
"""

import asyncio
import math
from collections.abc import Mapping

import aiohttp
from starlette.types import Message, Receive, Scope, Send

from services.gateway.pipeline.exchange import PROBLEM, SOCKETS, join_headers
from services.gateway.sockets.target import Target
from services.kit.addresses import arrived_by_tls, client_address
from services.kit.errors import CryptoVaultError, NotFound, Unavailable, problem

MAX_FRAME = 4 * 1024 * 1024  # bytes
CONNECT_SECONDS = 5.0

NORMAL, GOING_AWAY, NO_CODE, ABNORMAL, INTERNAL, RESTART = 1000, 1001, 1005, 1006, 1011, 1012

Upstream = aiohttp.ClientWebSocketResponse


class WebSocketForwarder:
    """The ASGI application for WebSockets."""

    def __init__(
        self, session: aiohttp.ClientSession, target: Target, trusted_hops: int, stopping: asyncio.Event
    ) -> None:
        self._session = session
        self._target = target
        self._trusted_hops = trusted_hops
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward one socket until either side closes it, or this process stops."""
        await receive()  # websocket.connect
        if not scope["path"].startswith(SOCKETS):
            await _reject(scope, send, NotFound("there is no socket here"))
            return
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                upstream = await self._connect(scope)
        except (aiohttp.ClientError, TimeoutError, OSError):
            await _reject(scope, send, Unavailable("realtime is not answering", retry_after=1.0))
            return
        async with upstream:
            await send({"type": "websocket.accept", "subprotocol": upstream.protocol})
            code = await self._forward(upstream, receive, send)
            await upstream.close(code=sendable(code))

    async def _connect(self, scope: Scope) -> Upstream:
        headers, hops = join_headers(scope["headers"]), self._trusted_hops
        peer = scope["client"][0] if scope.get("client") else ""
        client_ip = client_address(peer, _text(headers, b"x-forwarded-for"), hops)
        secure = scope["scheme"] == "wss" or arrived_by_tls(_text(headers, b"x-forwarded-proto"), hops)
        return await self._session.ws_connect(
            self._target.url(scope["raw_path"].decode("latin-1"), scope["query_string"]),
            headers=self._target.headers(headers.items(), client_ip, secure=secure),
            protocols=scope["subprotocols"],
            compress=0,
            max_msg_size=MAX_FRAME,
        )

    async def _forward(self, upstream: Upstream, receive: Receive, send: Send) -> int:
        """Pass frames on in both directions; the code with which the client's side ended."""
        to_realtime = asyncio.create_task(_to_realtime(upstream, receive))
        to_client = asyncio.create_task(_to_client(upstream, send))
        stopping = asyncio.create_task(self._stopping.wait())
        tasks: set[asyncio.Task[int] | asyncio.Task[bool]] = {to_realtime, to_client, stopping}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if to_realtime.done():
                return _result(to_realtime)
            code = _result(to_client) if to_client.done() else RESTART
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await send({"type": "websocket.close", "code": sendable(code)})
        return code


async def _to_realtime(upstream: Upstream, receive: Receive) -> int:
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return int(message.get("code") or NORMAL)
        await _send_on(upstream, message)


async def _send_on(upstream: Upstream, message: Message) -> None:
    text = message.get("text")
    if text is not None:
        await upstream.send_str(text)
    else:
        await upstream.send_bytes(message["bytes"])


async def _to_client(upstream: Upstream, send: Send) -> int:
    async for message in upstream:
        key = "text" if message.type is aiohttp.WSMsgType.TEXT else "bytes"
        await send({"type": "websocket.send", key: message.data})
    return upstream.close_code or ABNORMAL


def _text(headers: Mapping[bytes, bytes], name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1")


def _result(task: asyncio.Task[int]) -> int:
    return INTERNAL if task.exception() is not None else task.result()


def sendable(code: int) -> int:
    """The code that may stand in a close frame for what happened (RFC 6455 section 7.4)."""
    if code == NO_CODE:
        return NORMAL
    if code == ABNORMAL:
        return INTERNAL
    return code if 1000 <= code < 5000 and code not in (1004, 1015) else INTERNAL


async def _reject(scope: Scope, send: Send, error: CryptoVaultError) -> None:
    """Answer the handshake with a problem where the server can, else close it."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": INTERNAL})
        return
    body = problem(error, instance=scope["path"])
    headers = [(b"content-type", PROBLEM), (b"content-length", b"%d" % len(body))]
    if error.retry_after is not None:
        headers.append((b"retry-after", b"%d" % math.ceil(error.retry_after)))
    await send({"type": "websocket.http.response.start", "status": error.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})
