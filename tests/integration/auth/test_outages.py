"""What auth depends on goes away and comes back: nothing crashes, nothing is issued twice, all recovers by itself."""

import asyncio
from dataclasses import replace

import pytest

from services.auth.settings import Settings
from services.kit.bus import Bus
from services.kit.db import Database
from services.kit.errors import CryptoVaultError, Unauthenticated, Unavailable
from services.kit.store import Store
from services.kit.testing import free_port
from tests.integration.auth.service import PASSWORD, Client, World, following, refused, running, until
from tests.integration.test_prices_outages import Line

pytestmark = pytest.mark.integration
EMAIL = "steady@example.com"


@pytest.fixture
async def lines(settings: Settings):
    lines = {name: Line(getattr(settings, f"{name}_url")) for name in ("redis", "nats", "database")}
    for line in lines.values():
        await line.mend()
    yield lines
    for line in lines.values():
        line.cut()


@pytest.fixture
def cuttable(settings: Settings, lines: dict[str, Line]) -> Settings:
    return replace(settings, **{f"{name}_url": line.url for name, line in lines.items()})


async def works(client: Client, token: str) -> bool:
    try:
        return bool(await client.refresh(token))
    except Unavailable:
        return False


async def signs_in(client: Client, email: str) -> bool:
    try:
        return bool(await client.login(email))
    except CryptoVaultError:
        return False


async def test_without_redis_nothing_is_issued_and_afterwards_the_same_token_works(cuttable, lines):
    async with running(cuttable) as stub:
        client = Client(stub)
        tokens = await client.register()
        lines["redis"].cut()
        for attempt in (client.refresh(tokens.refresh_token), client.register(), client.login("a@b.test")):
            with pytest.raises(Unavailable):
                await attempt
        assert (await client.call("GetJwks")).keys
        await lines["redis"].mend()
        await until(lambda: works(client, tokens.refresh_token), limit=5)


async def test_without_postgresql_sessions_go_on_and_end(cuttable, lines):
    async with running(cuttable) as stub:
        client = Client(stub)
        first = await client.register(EMAIL)
        lines["database"].cut()
        tokens = await client.refresh(first.refresh_token)
        with pytest.raises(Unavailable):
            await client.login(EMAIL)
        await client.signed_in(tokens).call("Logout")
        with pytest.raises(Unauthenticated):
            await client.refresh(tokens.refresh_token)
        await lines["database"].mend()
        await until(lambda: signs_in(client, EMAIL), limit=8)


async def test_without_nats_a_sign_out_still_counts_within_a_second(cuttable, lines):
    async with (
        running(cuttable) as stub,
        Store.open(cuttable.redis_url) as store,
        Bus.open(lines["nats"].url, "test") as bus,
        Database.open(cuttable.database_url) as database,
    ):
        client = Client(stub)
        tokens = await client.register()
        async with following(World(client, cuttable, store, bus, database)) as verifier:
            await verifier.verify(tokens.access_token)
            lines["nats"].cut()
            await asyncio.sleep(0.7)  # until the verifier has noticed
            await client.signed_in(tokens).call("Logout")
            await until(lambda: refused(verifier, tokens.access_token), limit=1)
            assert await refused(verifier, tokens.access_token)


async def test_auth_starts_before_everything_it_needs(settings):
    lines = {name: Line(getattr(settings, f"{name}_url")) for name in ("redis", "nats", "database")}
    urls = {f"{name}_url": line.url for name, line in lines.items()}
    starting = asyncio.create_task(serve_once(replace(settings, port=free_port(), **urls)))
    await asyncio.sleep(1)
    for line in lines.values():
        await line.mend()

    assert await starting
    for line in lines.values():
        line.cut()


async def serve_once(settings: Settings) -> bool:
    async with running(settings) as stub:
        return bool(await Client(stub).register(password=PASSWORD))
