"""Streams at the edge: nothing stays open whatever becomes of the client, and no failure looks like an end."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from starlette.types import Message

from services.gateway.pipeline.edge import Edge
from services.gateway.pipeline.exchange import Answer, Exchange
from services.gateway.pipeline.repeats import Repeats
from services.gateway.pipeline.sampling import Sampler

SCOPE: dict[str, Any] = {
    "type": "http", "method": "GET", "raw_path": b"/stream", "query_string": b"", "headers": [], "client": None,
    "scheme": "http", "http_version": "2", "extensions": {},
}  # fmt: skip


class Events:
    """A stream that gives two parts, and fails after them when told."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.closed = False

    async def parts(self) -> AsyncGenerator[bytes, None]:
        try:
            yield b"one"
            yield b"two"
            if self.failure is not None:
                raise self.failure
        finally:
            self.closed = True


async def stays() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


async def serve(events: Events, left_at: str = "") -> list[Message]:
    """What a client is sent that leaves at messages of this type."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        if message["type"] == left_at:
            raise OSError("the client is gone")
        sent.append(message)

    async def handler(exchange: Exchange) -> Answer:
        return Answer(200, [], stream=events.parts())

    try:
        await Edge(handler, Repeats(Sampler(0.0)))(SCOPE, stays, send)
    except (OSError, RuntimeError) as error:
        sent.append({"type": str(error)})
    return sent


async def test_a_stream_is_sent_part_by_part_to_its_end() -> None:
    events = Events()
    start, *parts = await serve(events)
    assert start["type"] == "http.response.start"
    assert [(part["body"], part["more_body"]) for part in parts] == [(b"one", True), (b"two", True), (b"", False)]
    assert events.closed


@pytest.mark.parametrize("left_at", ["http.response.start", "http.response.body"])
async def test_a_client_that_has_left_when_its_stream_begins_leaves_nothing_open(left_at: str) -> None:
    events = Events()
    assert (await serve(events, left_at))[-1] == {"type": "the client is gone"}
    assert events.closed


async def test_a_stream_that_fails_does_not_look_as_if_it_had_ended() -> None:
    sent = await serve(Events(RuntimeError("a fault")))
    assert [message.get("more_body") for message in sent[1:-1]] == [True, True]
    assert sent[-1] == {"type": "a fault"}
