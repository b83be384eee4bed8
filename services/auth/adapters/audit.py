"""The audit log in PostgreSQL. Each replica appends in batches, one replica at a time: the chain is one."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import asyncpg

from services.auth.domain.audit import GENESIS, AuditEntry, SealedEntry, content_of, seal
from services.kit.db import Connection, Database
from services.kit.errors import Unavailable
from services.kit.retry import Backoff

logger = logging.getLogger(__name__)

MAX_QUEUE = 10_000  # entries
MAX_BATCH = 200
WRITE_TIMEOUT = 3.0  # seconds that `record` waits
DRAIN_TIMEOUT = 3.0  # seconds for what is queued when the service stops
BACKOFF = Backoff(base=0.1, cap=2.0)
PAGE = 1000  # entries


@dataclass
class _Waiting:
    entry: AuditEntry
    written: "asyncio.Future[None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class PostgresAudit:
    """Implements the port Audit. `run` writes; it must be running for `record` to return."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue(MAX_QUEUE)
        self._unwritten: list[_Waiting] = []

    async def record(self, entry: AuditEntry) -> None:
        """Write now. Raises Unavailable when that is not possible; the entry is then written later."""
        waiting = self._enqueue(entry)
        try:
            await asyncio.wait_for(asyncio.shield(waiting.written), WRITE_TIMEOUT)
        except TimeoutError as error:
            raise Unavailable("the audit log cannot be written") from error

    def note(self, entry: AuditEntry) -> None:
        """Write as soon as possible."""
        with suppress(Unavailable):
            self._enqueue(entry)

    async def run(self) -> None:
        """Write what comes, until cancelled; then write what is left."""
        try:
            while True:
                await self._collect()
                await self._write_until_done()
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_TIMEOUT):
                    await self._drain()

    async def read(self) -> AsyncIterator[SealedEntry]:
        """The whole log, from its beginning."""
        last = 0
        while rows := await self._database.fetch(
            "SELECT number, content, seal FROM auth.audit_log WHERE number > $1 ORDER BY number LIMIT $2", last, PAGE
        ):
            for row in rows:
                yield SealedEntry(row["number"], row["content"], row["seal"])
            last = rows[-1]["number"]

    def _enqueue(self, entry: AuditEntry) -> _Waiting:
        waiting = _Waiting(entry)
        try:
            self._queue.put_nowait(waiting)
        except asyncio.QueueFull:
            logger.error("the audit log's queue is full: %s is lost", entry.event.value)
            raise Unavailable("the audit log cannot be written", retry_after=1.0) from None
        return waiting

    async def _collect(self) -> None:
        if not self._unwritten:
            self._unwritten.append(await self._queue.get())
        while len(self._unwritten) < MAX_BATCH and not self._queue.empty():
            self._unwritten.append(self._queue.get_nowait())

    async def _write_until_done(self) -> None:
        pauses = BACKOFF.pauses()
        while True:
            try:
                await self._write([waiting.entry for waiting in self._unwritten])
                break
            except (Unavailable, asyncpg.PostgresError) as error:
                logger.warning("the audit log cannot be written yet: %s", type(error).__name__)
                await asyncio.sleep(next(pauses))
        for waiting in self._unwritten:
            waiting.written.set_result(None)
        self._unwritten = []

    async def _drain(self) -> None:
        while self._unwritten or not self._queue.empty():
            await self._collect()
            await self._write_until_done()

    async def _write(self, entries: Sequence[AuditEntry]) -> None:
        async with self._database.transaction() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock(hashtext('cryptovault.auth.audit'))")
            number, previous = await _last(connection)
            for entry in entries:
                number, content = number + 1, content_of(entry)
                previous = seal(previous, number, content)
                await connection.execute("INSERT INTO auth.audit_log VALUES ($1, $2, $3)", number, content, previous)


async def _last(connection: Connection) -> tuple[int, bytes]:
    row = await connection.fetchrow("SELECT number, seal FROM auth.audit_log ORDER BY number DESC LIMIT 1")
    return (0, GENESIS) if row is None else (row["number"], row["seal"])
