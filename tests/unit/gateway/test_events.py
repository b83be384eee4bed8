"""Server-Sent Events: what a client sees when a call is quiet, breaks or fails."""

import asyncio
from collections.abc import Iterable
from typing import cast

import pytest

from services.gateway.events import EventStream
from services.gateway.upstreams import ByteStream
from services.kit.errors import CryptoVaultError, Internal, NotFound, Unavailable

QUIET = object()


class FakeCall:
    """A call that gives what it is told: messages, failures, silence."""

    def __init__(self, script: Iterable[object]) -> None:
        self._script = iter(script)
        self.closed = False

    async def next(self) -> bytes | None:
        step = next(self._script, None)
        if step is QUIET:
            await asyncio.Event().wait()
        if isinstance(step, Exception):
            raise step
        return cast("bytes | None", step)

    def close(self) -> None:
        self.closed = True


def stream(*calls: FakeCall) -> EventStream:
    waiting = iter(calls)
    return EventStream(lambda: cast("ByteStream", next(waiting)), lambda data: data, asyncio.Event())


async def collect(events: EventStream, limit: int = 10) -> list[bytes]:
    seen: list[bytes] = []
    async for event in events.events(describe):
        seen.append(event)
        if len(seen) == limit:
            break
    return seen


def describe(error: CryptoVaultError) -> bytes:
    return error.slug.encode()


async def test_messages_become_events_and_the_end_of_the_call_ends_the_stream() -> None:
    call = FakeCall([b"1", b"2"])
    assert await collect(stream(call)) == [b"retry: 2000\n\n", b"data: 1\n\n", b"data: 2\n\n"]
    assert call.closed


async def test_a_quiet_call_is_kept_alive_by_comments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.gateway.events.KEEP_ALIVE_SECONDS", 0.01)
    seen = await collect(stream(FakeCall([b"1", QUIET])), limit=4)
    assert seen[1:] == [b"data: 1\n\n", b": keep-alive\n\n", b": keep-alive\n\n"]


async def test_a_call_whose_replica_went_away_is_opened_again_once() -> None:
    again = FakeCall([b"2"])
    seen = await collect(stream(FakeCall([b"1", Unavailable()]), again))
    assert seen[1:] == [b"data: 1\n\n", b"data: 2\n\n"]
    assert again.closed


async def test_a_failure_is_told_in_a_last_event() -> None:
    seen = await collect(stream(FakeCall([b"1", Unavailable()]), FakeCall([Internal()])))
    assert seen[1:] == [b"data: 1\n\n", b"event: error\ndata: internal\n\n"]


async def test_a_call_that_fails_at_once_raises_before_anything_is_sent() -> None:
    call = FakeCall([NotFound()])
    with pytest.raises(NotFound):
        await stream(call).begin()
    assert call.closed


async def test_a_call_that_was_opened_again_and_is_quiet_is_kept_alive_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.gateway.events.KEEP_ALIVE_SECONDS", 0.01)
    seen = await collect(stream(FakeCall([b"1", Unavailable()]), FakeCall([QUIET])), limit=3)
    assert seen[1:] == [b"data: 1\n\n", b": keep-alive\n\n"]


async def test_a_client_that_does_not_wait_for_the_first_message_leaves_no_call_behind() -> None:
    call = FakeCall([QUIET])
    events = stream(call)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await events.begin()
    assert call.closed
