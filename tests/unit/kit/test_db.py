"""Connections that are given back."""

import asyncio

import pytest

from services.kit import deadline
from services.kit.db import Database
from services.kit.errors import DeadlineExceeded


class SlowPool:
    """A pool that takes a connection back only when the server has let go of it."""

    def __init__(self) -> None:
        self.let_go = asyncio.Event()
        self.returned = asyncio.Event()

    async def acquire(self, timeout: float) -> object:
        return object()

    async def release(self, connection: object, timeout: float | None = None) -> None:
        await self.let_go.wait()
        self.returned.set()


async def hang(database: Database) -> None:
    async with database.connection():
        await asyncio.Event().wait()


async def test_a_caller_whose_time_is_over_does_not_wait_until_the_connection_is_free():
    pool = SlowPool()
    with deadline.within(0.02), pytest.raises(DeadlineExceeded):
        await hang(Database(pool))
    assert not pool.returned.is_set()
    pool.let_go.set()
    await asyncio.wait_for(pool.returned.wait(), 5)


async def test_without_a_deadline_a_cancelled_caller_waits_until_the_connection_is_free():
    pool = SlowPool()
    task = asyncio.create_task(hang(Database(pool)))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    pool.let_go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert pool.returned.is_set()
