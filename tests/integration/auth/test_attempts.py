"""Attempts that end without a result do not count, however they end."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from services.auth.adapters.attempts import RedisAttempts
from services.kit import deadline
from services.kit.clock import SystemClock
from services.kit.errors import DeadlineExceeded, TooManyRequests, Unavailable
from services.kit.store import Store

pytestmark = pytest.mark.integration


class Desk:
    """Where one failure is one too many, and one attempt is made at a time."""

    def __init__(self, store: Store) -> None:
        self.attempts = RedisAttempts(store, SystemClock(), free_failures=1)
        self.begun = asyncio.Event()
        self._email = f"{secrets.token_hex(6)}@example.com"

    async def attempt(self, check: Callable[[], Awaitable[bool]]) -> bool:
        return await self.attempts.guard(self._email, "192.0.2.7", check)

    async def hang(self) -> bool:
        self.begun.set()
        await asyncio.Event().wait()
        return False


@pytest.fixture
async def desk(valkey_url: str) -> AsyncIterator[Desk]:
    async with Store.open(valkey_url) as store:
        yield Desk(store)


async def fits() -> bool:
    return True


async def fails() -> bool:
    return False


async def test_a_cancelled_attempt_is_taken_back(desk: Desk) -> None:
    hanging = asyncio.create_task(desk.attempt(desk.hang))
    await desk.begun.wait()
    hanging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging
    assert await desk.attempt(fits)


async def test_an_attempt_whose_time_is_over_is_taken_back(desk: Desk) -> None:
    async def late() -> bool:
        while True:
            deadline.check()
            await asyncio.sleep(0.01)

    with deadline.within(2.0), pytest.raises(DeadlineExceeded):
        await desk.attempt(late)
    assert await desk.attempt(fits)


async def test_an_attempt_for_which_there_was_no_room_is_taken_back(desk: Desk) -> None:
    async def no_room() -> bool:
        raise Unavailable

    with pytest.raises(Unavailable):
        await desk.attempt(no_room)
    assert await desk.attempt(fits)


async def test_an_attempt_that_failed_counts(desk: Desk) -> None:
    assert not await desk.attempt(fails)
    with pytest.raises(TooManyRequests):
        await desk.attempt(fits)
