"""Long polling: what waits for realtime goes with its client, and what a client has said is delivered."""

import asyncio
from typing import Any

import pytest
from starlette.types import Message

from services.gateway.errors import ClientGone
from services.gateway.pipeline.exchange import Exchange
from services.gateway.sockets.polling import Polling
from services.gateway.sockets.target import Target


class FakeRealtime:
    """Answers when told; takes the place of the HTTP client and of its answer."""

    status = 200
    raw_headers = ((b"Content-Type", b"text/plain"),)

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.ready = asyncio.Event()

    def request(self, *arguments: Any, **options: Any) -> "FakeRealtime":
        self.asked.set()
        return self

    async def __aenter__(self) -> "FakeRealtime":
        await self.ready.wait()
        return self

    async def __aexit__(self, *error: Any) -> None:
        return None

    async def read(self) -> bytes:
        return b"ok"


class Client:
    """Sends a body, and leaves when told."""

    def __init__(self, method: str, body: bytes = b"") -> None:
        self.gone = asyncio.Event()
        self.exchange = Exchange(method, "/socket.io/", b"EIO=4", {}, "192.0.2.7", False, "1.1", self.receive)
        self.exchange.body_ended = not body
        self._body = body

    async def receive(self) -> Message:
        if not self.exchange.body_ended:
            return {"type": "http.request", "body": self._body, "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}


def polling(realtime: Any) -> Polling:
    return Polling(realtime, Target("http://realtime:8002"))


async def test_a_poll_ends_when_its_client_leaves() -> None:
    realtime, client = FakeRealtime(), Client("GET")
    poll = asyncio.create_task(polling(realtime)(client.exchange))
    await realtime.asked.wait()
    client.gone.set()
    with pytest.raises(ClientGone):
        async with asyncio.timeout(5):
            await poll


async def test_a_poll_whose_client_stays_is_answered() -> None:
    realtime, client = FakeRealtime(), Client("GET")
    realtime.ready.set()
    answer = await polling(realtime)(client.exchange)
    assert (answer.status, answer.body, client.exchange.gone) == (200, b"ok", False)


async def test_what_a_client_has_said_is_delivered_though_it_leaves() -> None:
    realtime, client = FakeRealtime(), Client("POST", b"42[]")
    client.gone.set()
    post = asyncio.create_task(polling(realtime)(client.exchange))
    await realtime.asked.wait()
    realtime.ready.set()
    assert (await post).body == b"ok"
