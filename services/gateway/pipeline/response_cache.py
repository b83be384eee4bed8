"""Public answers kept ready to send, for as long as the route's cache_ttl says.

What is kept is the whole Answer, with every compressed form of it that somebody asked for, so a hit costs a look-up.
Only successful answers of public GET routes get here; the upstream is not told who asks, so no answer can be personal.

An answer past its ttl is still sent for `stale_share` x ttl while one call fetches the next (RFC 5861), which then
takes its place; beyond that everybody waits for that call. However many ask, there is one upstream call a key.

Their number is the cache's affair, their size is this module's: anybody can ask for large answers in ever new words.
"""

import asyncio
import math
from collections.abc import Awaitable
from functools import partial
from hashlib import blake2b
from weakref import ref

from services.gateway.pipeline.exchange import Answer, Exchange, Handler, Header, Route
from services.kit.cache import MISSING, Cache, CacheOptions
from services.kit.clock import Clock

MAX_KEY_LENGTH = 1024  # of path and query; longer ones are asked for once in a lifetime
KEPT_SECONDS = 3600.0  # a key's place in the cache; whether the answer in it is fresh is another matter
MOST_BYTES = 64 * 1024 * 1024  # of all bodies that are kept, as JSON; their compressed forms come on top
RETRY_PAUSE = 0.25  # seconds before a stale answer's upstream is asked again after a failure
STALE_SHARE = 1.0
NO_STORE = (b"cache-control", b"no-store")
REVALIDATE = (b"cache-control", b"no-cache")
GONE = Answer(503, [])  # stands for an answer that was let go; never sent
AGES = tuple((b"age", b"%d" % age) for age in range(120))  # seconds; what is older is written when it is needed


class Stored:
    """The place of a key, with the answer that is there now. Times are monotonic seconds."""

    __slots__ = ("__weakref__", "answer", "made_at", "reload", "reload_after")

    def __init__(self, answer: Answer, made_at: float) -> None:
        self.answer = answer
        self.made_at = made_at
        self.reload: asyncio.Task[Answer] | None = None
        self.reload_after = 0.0


class Room:
    """The bytes of the answers that are kept. When they are too many, the oldest are let go: their keys stay."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._sizes: dict[ref[Stored], int] = {}  # the oldest answer first

    def take(self, stored: Stored) -> None:
        """Make room for an answer that has just been fetched."""
        self._free(ref(stored))
        size = self._sizes[ref(stored, self._free)] = len(stored.answer.body)
        self._left -= size
        while self._left < 0:
            self._let_go(next(iter(self._sizes)))

    def _let_go(self, place: "ref[Stored]") -> None:
        self._free(place)
        stored = place()
        if stored is not None:
            stored.answer, stored.made_at = GONE, -math.inf

    def _free(self, place: "ref[Stored]") -> None:
        self._left += self._sizes.pop(place, 0)


class Unwritten:
    """The codec of a cache without layers outside this process: nothing is written, and nothing found."""

    def encode(self, value: Stored) -> bytes:
        """Nothing."""
        return b""

    def decode(self, data: bytes) -> Stored:
        """Raises ValueError."""
        raise ValueError("kept answers do not leave the process")


def cache_options(entries: int) -> CacheOptions:
    """For the cache that keeps so many answers: how old they are is looked at here alone."""
    return CacheOptions(capacity=entries, local_ttl=KEPT_SECONDS, jitter=0.0, load_timeout=60.0)


class ResponseCache:
    """Answers from the cache where the route allows; says in Cache-Control what others may keep."""

    def __init__(self, handler: Handler, cache: Cache[Stored], clock: Clock, stale_share: float = STALE_SHARE) -> None:
        self._next = handler
        self._cache = cache
        self._now = clock.monotonic
        self._stale_share = stale_share
        self._room = Room(MOST_BYTES)

    def __call__(self, exchange: Exchange) -> Awaitable[Answer]:
        """The kept answer, or the next handler's."""
        route = exchange.route
        if route is None or route.policy is None:
            return self._next(exchange)
        if route.cache_ttl and len(exchange.path) + len(exchange.query) <= MAX_KEY_LENGTH:
            return self._from_cache(exchange, cache_key(route, exchange), route.cache_ttl)
        return self._unkept(exchange, route)

    async def _unkept(self, exchange: Exchange, route: Route) -> Answer:
        answer = await self._next(exchange)
        exchange.answer_headers.append(REVALIDATE if route.public_read else NO_STORE)
        return answer

    async def _from_cache(self, exchange: Exchange, key: str, ttl: float) -> Answer:
        stored = await self._cache.get(key, lambda: self._first(exchange, ttl), ttl=KEPT_SECONDS)
        if stored is None:  # `_first` never says so, but a cache may hold the knowledge that there is nothing
            return await self._next(exchange)
        answer, age = stored.answer, self._now() - stored.made_at
        if age >= ttl and (newer := await self._renew(stored, exchange, ttl, age)) is not None:
            answer, age = newer, 0.0
        exchange.answer_headers.append(age_header(age))
        exchange.kept = partial(self._again, key, ttl)
        return answer

    def _again(self, key: str, ttl: float) -> tuple[Answer, Header] | None:
        """The answer for the same question, if it is still there and nothing has to be done about its age.

        It is looked up each time: whoever held it would keep it when the cache has dropped it.
        """
        stored = self._cache.get_local(key)
        if stored is MISSING or stored is None:
            return None
        age = self._now() - stored.made_at
        if age >= ttl and (stored.reload is None or age >= ttl * (1 + self._stale_share)):
            return None
        return stored.answer, age_header(age)

    async def _renew(self, stored: Stored, exchange: Exchange, ttl: float, age: float) -> Answer | None:
        """Have the answer replaced; wait for the new one, and fail with it, only where the old one is too old."""
        usable = age < ttl * (1 + self._stale_share)
        if stored.reload is None and not (usable and self._now() < stored.reload_after):
            stored.reload = asyncio.create_task(self._replace(stored, exchange.detached(), ttl))
            stored.reload.add_done_callback(_seen)
        return None if usable or stored.reload is None else await asyncio.shield(stored.reload)

    async def _replace(self, stored: Stored, question: Exchange, ttl: float) -> Answer:
        try:
            answer = stored.answer = await self._load(question, ttl)
            stored.made_at = self._now()
            self._room.take(stored)
            return answer
        finally:
            stored.reload = None
            stored.reload_after = self._now() + RETRY_PAUSE

    async def _first(self, exchange: Exchange, ttl: float) -> Stored:
        stored = Stored(await self._load(exchange.detached(), ttl), self._now())
        self._room.take(stored)
        return stored

    async def _load(self, question: Exchange, ttl: float) -> Answer:
        answer = await self._next(question)
        control = f"public, max-age={int(ttl)}" + ("" if ttl >= 1 else ", must-revalidate")
        headers = [*answer.headers, (b"cache-control", control.encode()), (b"etag", etag(answer.body))]
        return Answer(answer.status, headers, answer.body, compressible=answer.compressible)


def cache_key(route: Route, exchange: Exchange) -> str:
    """responses:<area>:<path>?<query>, so that `responses:*` and `responses:prices:*` name what to forget."""
    return f"responses:{route.area}:{exchange.path}?{exchange.query.decode('latin-1')}"


def age_header(age: float) -> Header:
    """How old an answer is, in seconds."""
    return AGES[int(age)] if age < len(AGES) else (b"age", b"%d" % age)


def etag(body: bytes) -> bytes:
    """A weak validator: the same for every content coding of a body."""
    return b'W/"' + blake2b(body, digest_size=12).hexdigest().encode() + b'"'


def _seen(task: asyncio.Task[Answer]) -> None:
    """Take note of a failure, so that nobody warns about it: the stale answer stands in."""
    if not task.cancelled():
        task.exception()
