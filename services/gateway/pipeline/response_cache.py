"""Public answers kept ready to send, for as long as the route's cache_ttl says.

What is kept is the whole Answer, with every compressed form of it that somebody asked for, so a hit costs a look-up.
Only successful answers of public GET routes get here; the upstream is not told who asks, so no answer can be personal.
However many miss at once, the upstream is called once.
"""

from hashlib import blake2b

import msgspec
from cryptovault.gateway.v1.policy_pb2 import Policy as Declared

from services.gateway.pipeline.exchange import Answer, Exchange, Handler, Route
from services.kit.cache import Cache
from services.kit.caller import Caller
from services.kit.clock import Clock

MAX_KEY_LENGTH = 1024  # of path and query; longer ones are asked for once in a lifetime
NO_STORE = (b"cache-control", b"no-store")
REVALIDATE = (b"cache-control", b"no-cache")


class Stored:
    """A kept answer and when it was made, in seconds since 1970 UTC."""

    __slots__ = ("answer", "made_at")

    def __init__(self, answer: Answer, made_at: float) -> None:
        self.answer = answer
        self.made_at = made_at


class StoredCodec:
    """A kept answer as bytes, for the layers of the cache that lie outside this process."""

    _encoder = msgspec.msgpack.Encoder()
    _decoder = msgspec.msgpack.Decoder(tuple[int, list[tuple[bytes, bytes]], bytes, bool, float])

    def encode(self, value: Stored) -> bytes:
        """The answer as bytes, without its compressed forms."""
        answer = value.answer
        return self._encoder.encode((answer.status, answer.headers, answer.body, answer.compressible, value.made_at))

    def decode(self, data: bytes) -> Stored:
        """The answer again. Raises ValueError when the bytes are not one."""
        status, headers, body, compressible, made_at = self._decoder.decode(data)
        return Stored(Answer(status, headers, body, compressible=compressible), made_at)


class ResponseCache:
    """Answers from the cache where the route allows; says in Cache-Control what others may keep."""

    def __init__(self, handler: Handler, cache: Cache[Stored], clock: Clock) -> None:
        self._next = handler
        self._cache = cache
        self._clock = clock

    async def __call__(self, exchange: Exchange) -> Answer:
        """The kept answer, or the next handler's."""
        route = exchange.route
        if route is None or route.policy is None:
            return await self._next(exchange)
        if not _cacheable(route) or len(exchange.path) + len(exchange.query) > MAX_KEY_LENGTH:
            answer = await self._next(exchange)
            exchange.answer_headers.append(REVALIDATE if _public_read(route) else NO_STORE)
            return answer
        return await self._from_cache(exchange, cache_key(route, exchange), route.policy.cache_ttl)

    async def _from_cache(self, exchange: Exchange, key: str, ttl: float) -> Answer:
        stored = await self._cache.get(key, lambda: self._load(exchange, ttl), ttl=ttl)
        if stored is None:  # `_load` never says so, but a cache may hold the knowledge that there is nothing
            return await self._next(exchange)
        age = max(0.0, self._clock.time() - stored.made_at)
        exchange.answer_headers.append((b"age", b"%d" % age))
        return stored.answer

    async def _load(self, exchange: Exchange, ttl: float) -> Stored:
        exchange.caller = Caller(request_id=exchange.request_id)
        answer = await self._next(exchange)
        control = f"public, max-age={int(ttl)}" + ("" if ttl >= 1 else ", must-revalidate")
        headers = [*answer.headers, (b"cache-control", control.encode()), (b"etag", etag(answer.body))]
        kept = Answer(answer.status, headers, answer.body, compressible=answer.compressible)
        return Stored(kept, self._clock.time())


def cache_key(route: Route, exchange: Exchange) -> str:
    """responses:<area>:<path>?<query>, so that `responses:*` and `responses:prices:*` name what to forget."""
    return f"responses:{route.area}:{exchange.path}?{exchange.query.decode('latin-1')}"


def _public_read(route: Route) -> bool:
    return route.verb == "GET" and route.policy is not None and route.policy.access == Declared.PUBLIC


def _cacheable(route: Route) -> bool:
    return _public_read(route) and route.policy is not None and route.policy.cache_ttl > 0


def etag(body: bytes) -> bytes:
    """A weak validator: the same for every content coding of a body."""
    return b'W/"' + blake2b(body, digest_size=12).hexdigest().encode() + b'"'
