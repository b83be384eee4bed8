"""argon2id (RFC 9106) in threads of its own: the event loop never waits for a hash, and only so many may queue."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from services.kit.errors import Unavailable

T = TypeVar("T")


@dataclass(frozen=True)
class HashRules:
    """What a hash costs, and how many may be in the making."""

    memory_kib: int
    passes: int
    lanes: int
    workers: int  # threads
    queue: int  # hashes that may wait for a thread


class Argon2Hasher:
    """Implements the port Hasher."""

    def __init__(self, rules: HashRules, pool: ThreadPoolExecutor) -> None:
        self._argon2 = PasswordHasher(rules.passes, rules.memory_kib, rules.lanes)
        self._pool = pool
        self._limit = rules.workers + rules.queue
        self._pending = 0
        self._dummy = self._argon2.hash(secrets.token_hex(16))

    @classmethod
    @asynccontextmanager
    async def open(cls, rules: HashRules) -> AsyncIterator[Self]:
        """A hasher with its threads."""
        pool = ThreadPoolExecutor(rules.workers, thread_name_prefix="argon2")
        try:
            yield cls(rules, pool)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    async def hash(self, password: str) -> str:
        """A new hash. Raises Unavailable when too many wait."""
        return await self._in_pool(lambda: self._argon2.hash(password))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether the password fits. Without a hash the same work is done in vain."""
        fits = await self._in_pool(lambda: self._verify(password_hash or self._dummy, password))
        return fits and password_hash is not None

    def is_outdated(self, password_hash: str) -> bool:
        """Whether it was made with other parameters than today's."""
        return self._argon2.check_needs_rehash(password_hash)

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._argon2.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _in_pool(self, work: Callable[[], T]) -> T:
        if self._pending >= self._limit:
            raise Unavailable("too many passwords are being checked", retry_after=1.0)
        self._pending += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, work)
        future.add_done_callback(self._finished)  # not when the caller goes away: the thread works on
        return await asyncio.shield(future)

    def _finished(self, future: "asyncio.Future[T]") -> None:
        self._pending -= 1
