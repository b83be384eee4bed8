"""Redis (or Valkey): one pool per process, scripts by hash, Pub/Sub that survives reconnects.

The client connects when first used and again after a failure, so a Store opens even when Redis is away. A command that
is given while an RPC is handled ends with the caller's deadline; a connection that then still owes an answer is closed.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import redis.asyncio
import redis.exceptions
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from services.kit import deadline
from services.kit.cancellation import pass_on_cancellation
from services.kit.errors import Unavailable
from services.kit.retry import Backoff

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT = 0.5  # seconds
COMMAND_TIMEOUT = 1.0  # seconds
MAX_CONNECTIONS = 64

# What redis-py raises when the server is away, slow, loading or read-only.
AWAY = (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, OSError, TimeoutError)

Value = str | bytes | int | float


@contextmanager
def _away_is_unavailable() -> Iterator[None]:
    try:
        yield
    except AWAY as error:
        pass_on_cancellation(error)
        deadline.check()
        raise Unavailable("Redis is away") from error


class Client(redis.asyncio.Redis):
    """redis-py's client, with the caller's deadline for every command. A pipeline has none: callers share it."""

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send a command and wait for the answer. Raises DeadlineExceeded, before sending if the time is over."""
        execute: Callable[..., Awaitable[Any]] = super().execute_command
        async with deadline.limited():
            return await execute(*args, **options)


class Script:
    """A Lua script, sent once and then called by its hash."""

    def __init__(self, client: Client, text: str) -> None:
        self._script = client.register_script(text)

    async def __call__(self, keys: Sequence[str] = (), args: Sequence[Value] = ()) -> Any:
        """Run it. Raises Unavailable when Redis is away, DeadlineExceeded when the caller's time is over."""
        with _away_is_unavailable():
            return await self._script(keys=list(keys), args=list(args))


class Store:
    """The connection of one process to Redis."""

    def __init__(self, client: Client) -> None:
        self.client = client

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator["Store"]:
        """A store whose answers are bytes; closed at the end."""
        pool = redis.asyncio.BlockingConnectionPool.from_url(
            url,
            max_connections=MAX_CONNECTIONS,
            timeout=COMMAND_TIMEOUT,  # to wait for a free connection
            socket_connect_timeout=CONNECT_TIMEOUT,
            socket_timeout=COMMAND_TIMEOUT,
            retry=Retry(NoBackoff(), 1),  # one more try, for a connection that died while it lay idle
        )
        client = Client(connection_pool=pool)
        try:
            yield cls(client)
        finally:
            await client.aclose(close_connection_pool=True)

    def script(self, text: str) -> Script:
        """A Lua script, ready to be called."""
        return Script(self.client, text)

    async def ping(self) -> None:
        """Raises Unavailable unless Redis answers."""
        with _away_is_unavailable():
            await self.client.ping()

    async def publish(self, channel: str, data: bytes) -> int:
        """Send on a Pub/Sub channel; returns how many heard it. Raises Unavailable when Redis is away."""
        with _away_is_unavailable():
            return int(await self.client.publish(channel, data))

    async def listen(self, channel: str, handler: Callable[[bytes], Awaitable[None]]) -> None:
        """Hand every message on a Pub/Sub channel to `handler`, through reconnects, until cancelled."""
        pauses = Backoff().pauses()
        while True:
            try:
                await self._listen_once(channel, handler)
                pauses = Backoff().pauses()
            except AWAY:
                await asyncio.sleep(next(pauses))

    async def _listen_once(self, channel: str, handler: Callable[[bytes], Awaitable[None]]) -> None:
        async with self.client.pubsub(ignore_subscribe_messages=True) as pubsub:
            await pubsub.subscribe(channel)
            while True:
                message = await pubsub.get_message(timeout=COMMAND_TIMEOUT / 2)
                if message is not None:
                    await _handle(handler, message["data"])


async def _handle(handler: Callable[[bytes], Awaitable[None]], data: bytes) -> None:
    try:
        await handler(data)
    except Exception:
        logger.exception("handler of a Pub/Sub message failed")
