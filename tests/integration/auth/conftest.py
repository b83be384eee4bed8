"""A running auth service for the tests of this folder."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from services.auth.settings import Settings
from services.kit.bus import Bus
from services.kit.db import Database
from services.kit.store import Store
from services.kit.testing import free_port
from tests.integration.auth.service import ADMIN, Client, World, running
from tests.integration.test_gateway import start_process

AREAS = ("prices", "realtime", "cache")  # nobody is there


@pytest.fixture
def settings(valkey_url, nats_url, database_url) -> Settings:
    return Settings(
        redis_url=valkey_url,
        nats_url=nats_url,
        database_url=database_url,
        port=free_port(),
        require_verified_email=False,
        admin_email=ADMIN[0],
        admin_password=ADMIN[1],
        argon2_memory_kib=7168,
        argon2_passes=1,
        key_encryption_key=base64.b64encode(bytes(32)).decode(),
    )


@pytest.fixture
async def world(settings: Settings) -> AsyncIterator[World]:
    async with (
        running(settings) as stub,
        Store.open(settings.redis_url) as store,
        Bus.open(settings.nats_url, "test") as bus,
        Database.open(settings.database_url) as database,
    ):
        yield World(Client(stub), settings, store, bus, database)


@pytest.fixture
def client(world: World) -> Client:
    return world.client


@pytest.fixture
async def api(world: World, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A gateway process; its client is signed in."""
    port, settings = free_port(), world.settings
    addresses = {area: f"127.0.0.1:{free_port()}" for area in AREAS} | {"auth": f"127.0.0.1:{settings.port}"}
    process = await start_process(port, tmp_path, settings.redis_url, settings.nats_url, addresses)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            tokens = await world.client.register()
            client.headers["authorization"] = f"Bearer {tokens.access_token}"
            yield client
    finally:
        process.terminate()
        await process.wait()
