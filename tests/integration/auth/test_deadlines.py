"""A client's Request-Timeout, from the gateway down to PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from services.kit.db import Database
from tests.integration.auth.service import World, until

pytestmark = pytest.mark.integration

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%auth.users%'"
SOON = 3.0  # seconds: long for a busy machine, and still less than the service's own patience of five


@asynccontextmanager
async def locked(database: Database) -> AsyncIterator[None]:
    """Every query on the accounts hangs for as long as the block lasts."""
    async with database.transaction() as connection:
        await connection.execute("LOCK TABLE auth.users IN ACCESS EXCLUSIVE MODE")
        yield


async def test_a_client_whose_time_is_over_gets_504_and_its_query_is_cancelled(world: World, api: httpx.AsyncClient):
    async def is_hanging() -> bool:
        return await world.database.fetchval(WAITING) > 0

    async def is_cancelled() -> bool:
        return not await is_hanging()

    async with locked(world.database):
        asking = asyncio.create_task(api.get("/api/auth/me", headers={"request-timeout": "1"}))
        await until(is_hanging, limit=SOON)
        assert (await asking).status_code == 504
        await until(is_cancelled, limit=SOON)
    assert (await api.get("/api/auth/me")).status_code == 200
