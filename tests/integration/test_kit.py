"""The kit's adapters against the real servers."""

import asyncio

import asyncpg
import pytest

from services.kit.bus import Bus, Delivery
from services.kit.db import Database, migrate
from services.kit.errors import Unavailable
from services.kit.store import Store
from services.kit.testing import free_port


async def connected(bus: Bus) -> None:
    while not bus.connected:
        await asyncio.sleep(0.02)


async def test_a_message_reaches_a_subscriber_that_came_before_the_connection(nats_url):
    async with Bus.open(nats_url, "test") as bus:
        received: asyncio.Queue[Delivery] = asyncio.Queue()
        await bus.subscribe("cv.test.*", received.put)
        await connected(bus)
        await asyncio.sleep(0.1)
        await bus.publish("cv.test.one", b"hello")
        delivery = await asyncio.wait_for(received.get(), 5)
    assert (delivery.subject, delivery.data) == ("cv.test.one", b"hello")


async def test_a_durable_event_is_stored_once_for_one_message_id(nats_url):
    async with Bus.open(nats_url, "test") as bus:
        await connected(bus)
        await asyncio.sleep(0.2)
        first = await bus.publish_durable("cv.user.u1", b"x", message_id="same")
        second = await bus.publish_durable("cv.user.u1", b"x", message_id="same")
        third = await bus.publish_durable("cv.user.u1", b"x", message_id="other")
    assert first == second
    assert third > second


async def test_a_bus_opens_without_nats_and_says_so():
    async with Bus.open(f"nats://127.0.0.1:{free_port()}", "test") as bus:
        with pytest.raises(Unavailable):
            await bus.publish("cv.test.one", b"hello")
        assert not bus.connected


async def test_a_script_runs_by_hash_and_pubsub_delivers(valkey_url):
    async with Store.open(valkey_url) as store:
        script = store.script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
        assert [await script(["kit:n"], [2]), await script(["kit:n"], [3])] == [2, 5]
        received: asyncio.Queue[bytes] = asyncio.Queue()
        listener = asyncio.create_task(store.listen("kit", received.put))
        while not await store.publish("kit", b"news"):
            await asyncio.sleep(0.02)
        assert await asyncio.wait_for(received.get(), 5) == b"news"
        listener.cancel()


async def test_more_callers_than_connections_wait_their_turn(valkey_url):
    async with Store.open(valkey_url) as store:
        await asyncio.gather(*(store.client.incr("kit:many") for _ in range(500)))
        assert await store.client.get("kit:many") == b"500"


async def test_a_store_opens_without_redis_and_says_so():
    async with Store.open(f"redis://127.0.0.1:{free_port()}") as store:
        with pytest.raises(Unavailable):
            await store.ping()


async def test_migrations_are_applied_once_and_a_changed_file_is_refused(database_url, tmp_path):
    (tmp_path / "0001_first.sql").write_text("CREATE TABLE kit_test (id int);")
    async with Database.open(database_url) as database:
        assert await migrate(database, "kit", tmp_path) == ["0001_first"]
        assert await migrate(database, "kit", tmp_path) == []
        (tmp_path / "0001_first.sql").write_text("CREATE TABLE other (id int);")
        with pytest.raises(ValueError, match="0001_first was changed"):
            await migrate(database, "kit", tmp_path)


async def test_a_broken_constraint_keeps_its_own_error(database_url):
    async with Database.open(database_url) as database:
        await database.execute("CREATE TABLE unique_test (id int PRIMARY KEY)")
        await database.execute("INSERT INTO unique_test VALUES (1)")
        with pytest.raises(asyncpg.UniqueViolationError):
            await database.execute("INSERT INTO unique_test VALUES (1)")


async def test_a_database_opens_without_postgresql_and_says_so():
    async with Database.open(f"postgresql://postgres@127.0.0.1:{free_port()}/x") as database:
        with pytest.raises(Unavailable):
            await database.ping()
