"""What becomes of a WebSocket whose client and application speak at the same time."""

import asyncio
from typing import Any

from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from hypercorn.protocol.events import Data, Event, Request, Response

from services.gateway.http2.bounded_socket import BoundedSocket
from services.gateway.http2.socket_tasks import SocketTasks

HANDSHAKE = [(b"host", b"a"), (b"sec-websocket-version", b"13")]


async def accept(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})


async def test_frames_that_came_too_early_have_one_answer_though_the_application_accepts_meanwhile() -> None:
    sent: list[Event] = []

    async def send(event: Event) -> None:
        sent.append(event)
        await asyncio.sleep(0)  # as for a client that is behind, or has gone

    async with SocketTasks(asyncio.get_running_loop()) as tasks:
        socket = BoundedSocket(
            ASGIWrapper(accept), Config(), WorkerContext(None), tasks, False, None, None, send, 1
        )  # fmt: skip
        await socket.handle(Request(1, HANDSHAKE, "2", "CONNECT", b"/", {}))
        await socket.handle(Data(1, b"early"))
    assert [event.status_code for event in sent if isinstance(event, Response)] == [400]
