"""PostgreSQL: a pool that connects when first used, and numbered migrations.

What the server cannot be asked becomes Unavailable; what it refuses (a broken constraint) stays asyncpg's own error.
Work for the caller of an RPC ends with the caller's deadline: a query under way is then cancelled at the server.
"""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from services.kit import deadline
from services.kit.cancellation import end, pass_on_cancellation
from services.kit.errors import Unavailable

logger = logging.getLogger(__name__)

Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"

CONNECT_TIMEOUT = 2.0  # seconds
COMMAND_TIMEOUT = 5.0  # seconds
CANCEL_TIMEOUT = 1.0  # seconds until a server that does not confirm a cancellation loses the connection
MAX_CONNECTIONS = 10

AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    # The database, its schema or its tables are being created.
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidSchemaNameError,
    asyncpg.UndefinedTableError,
)


class Database:
    """The connections of one process to PostgreSQL."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool
        self._returning: set[asyncio.Task[None]] = set()

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, *, max_connections: int = MAX_CONNECTIONS) -> AsyncIterator["Database"]:
        """A database whose pool starts empty; closed at the end."""
        pool = asyncpg.create_pool(
            url,
            min_size=0,
            max_size=max_connections,
            timeout=CONNECT_TIMEOUT,
            command_timeout=COMMAND_TIMEOUT,
            max_inactive_connection_lifetime=60,
        )
        await pool  # with min_size=0 nothing is connected yet
        database = cls(pool)
        try:
            yield database
        finally:
            pool.terminate()
            await end(database._returning)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """One connection of the pool.

        Raises Unavailable when PostgreSQL is away, DeadlineExceeded when the caller's time is over.
        """
        try:
            async with deadline.limited(), self._borrowed() as connection:
                yield connection
        except AWAY as error:
            pass_on_cancellation(error)
            deadline.check()
            raise Unavailable("PostgreSQL is away") from error

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """One transaction: committed at the end, rolled back on an error. Raises as `connection`."""
        async with self.connection() as connection, _begun(connection):
            yield connection

    @asynccontextmanager
    async def _borrowed(self) -> AsyncIterator[Connection]:
        connection = await self._pool.acquire(timeout=CONNECT_TIMEOUT)
        try:
            yield connection
        except BaseException as error:
            if _is_out_of_time(error):
                self._return_later(connection)
            else:
                await self._pool.release(connection)
            raise
        else:
            await self._pool.release(connection)

    def _return_later(self, connection: Connection) -> None:
        """The server must first confirm that the query is cancelled, which may take longer than the caller waits."""
        task = asyncio.create_task(self._return(connection))
        self._returning.add(task)
        task.add_done_callback(self._returning.discard)

    async def _return(self, connection: Connection) -> None:
        with suppress(*AWAY, asyncpg.PostgresError):  # without the confirmation the pool closes the connection
            await self._pool.release(connection, timeout=CANCEL_TIMEOUT)

    async def fetch(self, sql: str, *args: object) -> list[asyncpg.Record]:
        """All rows."""
        async with self.connection() as connection:
            return await connection.fetch(sql, *args)

    async def fetchrow(self, sql: str, *args: object) -> asyncpg.Record | None:
        """The first row, or None."""
        async with self.connection() as connection:
            return await connection.fetchrow(sql, *args)

    async def fetchval(self, sql: str, *args: object) -> Any:
        """The first column of the first row, or None."""
        async with self.connection() as connection:
            return await connection.fetchval(sql, *args)

    async def execute(self, sql: str, *args: object) -> str:
        """Run a command; returns PostgreSQL's tag, such as "UPDATE 1"."""
        async with self.connection() as connection:
            return await connection.execute(sql, *args)

    async def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run a command for every row, all or nothing."""
        async with self.connection() as connection:
            await connection.executemany(sql, rows)

    async def ping(self) -> None:
        """Raises Unavailable unless PostgreSQL answers."""
        await self.fetchval("SELECT 1")


@asynccontextmanager
async def _begun(connection: Connection) -> AsyncIterator[None]:
    transaction = connection.transaction()
    await transaction.__aenter__()
    try:
        yield
    except BaseException as error:
        if not _is_out_of_time(error):  # else the pool rolls it back, when it takes the connection back
            await transaction.__aexit__(type(error), error, error.__traceback__)
        raise
    else:
        await transaction.__aexit__(None, None, None)


def _is_out_of_time(error: BaseException) -> bool:
    return isinstance(error, asyncio.CancelledError) and deadline.left() is not None


@dataclass(frozen=True)
class Migration:
    """One numbered SQL file."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, to notice a file that was changed after it was applied."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def read_migrations(folder: Path) -> list[Migration]:
    """The files NNNN_name.sql of a folder, in order. Raises ValueError when a number is missing or stands twice."""
    paths = sorted(folder.glob("*.sql"))
    migrations = [Migration(int(path.stem.split("_")[0]), path.stem, path.read_text()) for path in paths]
    if [item.number for item in migrations] != list(range(1, len(migrations) + 1)):
        raise ValueError(f"the migrations in {folder.name} are not numbered 1 to {len(migrations)}")
    return migrations


async def migrate(database: Database, schema: str, folder: Path) -> list[str]:
    """Apply what is new, one transaction for all, one process at a time; returns the names of what was applied.

    Raises Unavailable when PostgreSQL is away, and ValueError when an applied file has changed since.
    """
    migrations = read_migrations(folder)
    async with database.transaction() as connection:
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext($1))", f"cryptovault.migrate.{schema}")
        await connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        await connection.execute(
            f'CREATE TABLE IF NOT EXISTS "{schema}".migrations ('
            "number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, "
            "applied_at timestamptz NOT NULL DEFAULT now())"
        )
        rows = await connection.fetch(f'SELECT number, checksum FROM "{schema}".migrations')
        applied = {row["number"]: row["checksum"] for row in rows}
        return [item.name for item in migrations if await _apply(connection, schema, item, applied.get(item.number))]


async def _apply(connection: Connection, schema: str, migration: Migration, applied: str | None) -> bool:
    if applied is not None:
        if applied != migration.checksum:
            raise ValueError(f"migration {migration.name} was changed after it was applied")
        return False
    await connection.execute(migration.sql)
    await connection.execute(
        f'INSERT INTO "{schema}".migrations (number, name, checksum) VALUES ($1, $2, $3)',
        migration.number,
        migration.name,
        migration.checksum,
    )
    logger.info("applied migration %s", migration.name)
    return True


async def migrate_when_there(database: Database, schema: str, folder: Path) -> None:
    """Apply what is new as soon as PostgreSQL is there."""
    while True:
        try:
            await migrate(database, schema, folder)
            return
        except Unavailable:
            await asyncio.sleep(0.5)
