"""The kit's adapters against the real servers."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
import grpc
import pytest
from cryptovault.cache.v1 import cache_service_pb2 as messages
from cryptovault.cache.v1.cache_service_pb2_grpc import (
    CacheServiceServicer,
    CacheServiceStub,
    add_CacheServiceServicer_to_server,
)

from services.kit import deadline
from services.kit.bus import Bus, Delivery
from services.kit.db import Database, migrate
from services.kit.errors import DeadlineExceeded, Unavailable
from services.kit.health import Health
from services.kit.rpc import RpcServer, channel
from services.kit.store import Store
from services.kit.testing import free_port

SLEEP = "SELECT pg_sleep(5)"
SOON = 3.0  # seconds: long for a busy machine, and still long before a query of five ends by itself


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


class Asker(CacheServiceServicer):
    """A service that asks PostgreSQL or Redis in its handler."""

    def __init__(self, ask: Callable[[], Awaitable[object]]) -> None:
        self.ask = ask
        self.ended: BaseException | None = None

    async def GetStats(self, request, context):
        try:
            await self.ask()
        except BaseException as error:
            self.ended = error
            raise
        return messages.GetStatsResponse()


@asynccontextmanager
async def served(asker: Asker) -> AsyncIterator[CacheServiceStub]:
    register = [(add_CacheServiceServicer_to_server, asker)]
    server = RpcServer(0, register=register, service_names=[], health=Health())
    await server.start()
    async with channel(f"127.0.0.1:{server.port}") as connection:
        yield CacheServiceStub(connection)
    await server.drain(1)


async def asked_in_vain(asker: Asker) -> float:
    """Call with a deadline of 0.2 s, which is not enough; returns the seconds until the handler ended."""
    async with served(asker) as stub:
        began = time.monotonic()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.GetStats(messages.GetStatsRequest(), timeout=0.2)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        async with asyncio.timeout(SOON):
            while asker.ended is None:
                await asyncio.sleep(0.01)
    return time.monotonic() - began


async def sleepers(database: Database) -> int:
    return await database.fetchval("SELECT count(*) FROM pg_stat_activity WHERE query = $1 AND state = 'active'", SLEEP)


async def nobody_sleeps(database: Database) -> None:
    async with asyncio.timeout(SOON):
        while await sleepers(database):
            await asyncio.sleep(0.02)


async def test_a_clients_deadline_cancels_the_query_at_the_server(database_url):
    async with Database.open(database_url, max_connections=1) as database, Database.open(database_url) as observer:
        asker = Asker(lambda: database.fetch(SLEEP))
        assert await asked_in_vain(asker) < SOON
        assert isinstance(asker.ended, DeadlineExceeded | asyncio.CancelledError)  # gRPC cancels at the same moment
        await nobody_sleeps(observer)
        assert await database.fetchval("SELECT 1") == 1


async def test_a_query_ends_with_its_deadline(database_url):
    async with Database.open(database_url, max_connections=1) as database, Database.open(database_url) as observer:
        with deadline.within(0.2), pytest.raises(DeadlineExceeded):
            await database.fetch(SLEEP)
        await nobody_sleeps(observer)
        assert await database.fetchval("SELECT 1") == 1


async def test_a_transaction_that_has_no_time_left_is_rolled_back(database_url):
    async with Database.open(database_url, max_connections=1) as database:
        await database.execute("CREATE TABLE rolled_back (id int)")

        async def insert_slowly() -> None:
            async with database.transaction() as connection:
                await connection.execute("INSERT INTO rolled_back VALUES (1)")
                await connection.execute(SLEEP)

        with deadline.within(0.2), pytest.raises(DeadlineExceeded):
            await insert_slowly()
        assert await database.fetchval("SELECT count(*) FROM rolled_back") == 0


async def test_waiting_for_a_connection_ends_with_the_deadline(database_url):
    async with Database.open(database_url, max_connections=1) as database:
        async with database.connection():
            with deadline.within(0.1), pytest.raises(DeadlineExceeded):
                await database.fetchval("SELECT 1")
        assert await database.fetchval("SELECT 1") == 1


@pytest.mark.parametrize("borrow", [Database.connection, Database.transaction])
async def test_nobody_waits_for_a_server_that_cannot_even_cancel(database_url, borrow):
    async def ask_while_it_stands_still() -> None:
        async with borrow(database) as connection:
            os.kill(backend, signal.SIGSTOP)
            await connection.fetchval("SELECT 1")

    async with Database.open(database_url, max_connections=1) as database:
        backend = await database.fetchval("SELECT pg_backend_pid()")
        try:
            with deadline.within(0.2), pytest.raises(DeadlineExceeded):
                await ask_while_it_stands_still()
            assert await database.fetchval("SELECT pg_backend_pid()") != backend
        finally:
            os.kill(backend, signal.SIGCONT)


async def test_what_has_expired_reaches_neither_server(database_url, valkey_url):
    async with Database.open(database_url) as database, Store.open(valkey_url) as store:
        await database.execute("CREATE TABLE untouched (id int)")
        with deadline.within(0):
            with pytest.raises(DeadlineExceeded):
                await database.execute("INSERT INTO untouched VALUES (1)")
            with pytest.raises(DeadlineExceeded):
                await store.script("return redis.call('INCR', KEYS[1])")(["kit:untouched"])
        assert await database.fetchval("SELECT count(*) FROM untouched") == 0
        assert await store.client.get("kit:untouched") is None


async def test_a_query_that_is_cancelled_from_outside_stays_cancelled(database_url):
    async with Database.open(database_url) as database, Database.open(database_url) as observer:

        async def query() -> None:
            with deadline.within(60):
                await database.fetch(SLEEP)

        task = asyncio.create_task(query())
        async with asyncio.timeout(SOON):
            while not await sleepers(observer):
                await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await nobody_sleeps(observer)


async def test_a_clients_deadline_ends_waiting_for_redis(valkey_url):
    async with Store.open(valkey_url) as store:
        asker = Asker(lambda: store.client.get("kit:n"))
        async with suspended(store):
            assert await asked_in_vain(asker) < SOON
    assert isinstance(asker.ended, DeadlineExceeded | asyncio.CancelledError)


async def test_a_redis_answer_that_comes_late_is_nobody_elses(valkey_url):
    async with Store.open(valkey_url) as store:
        await store.client.mset({"kit:late": "late", "kit:next": "next"})
        async with suspended(store):
            with deadline.within(0.1), pytest.raises(DeadlineExceeded):
                await store.client.get("kit:late")
        assert await store.client.get("kit:next") == b"next"


async def test_without_a_deadline_a_redis_that_does_not_answer_counts_as_away(valkey_url):
    async with Store.open(valkey_url) as store, suspended(store):
        with pytest.raises(Unavailable):
            await store.ping()


@asynccontextmanager
async def suspended(store: Store) -> AsyncIterator[None]:
    """The server takes connections and commands, and answers nothing before the end of the block."""
    server = (await store.client.info("server"))["process_id"]
    os.kill(server, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server, signal.SIGCONT)
