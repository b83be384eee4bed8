"""Cross-origin requests (Fetch standard, CORS protocol): for the origins that a setting names, and no others."""

from collections.abc import Awaitable, Collection

from services.gateway.pipeline.exchange import SOCKETS, Answer, Exchange, Handler, Headers

METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"
REQUEST_HEADERS = (
    b"authorization, content-type, if-none-match, request-timeout, x-api-key, x-request-id, traceparent, tracestate"
)
ANSWER_HEADERS = b"ratelimit, ratelimit-policy, retry-after, x-request-id, traceresponse, etag, age"
MAX_AGE = b"600"  # seconds that a browser may keep the permission


class Cors:
    """Answers preflights and marks answers for the allowed origins; "*" allows all of them, without credentials.

    A cache may give an answer to another origin. So with "*" every answer is marked, also for those who name no origin;
    where origins are named, every answer says that it differs.
    """

    def __init__(self, handler: Handler, origins: Collection[str]) -> None:
        self._next = handler
        self._origins = frozenset(origins)
        self._open = "*" in self._origins
        self._always = _marks(b"*") if self._open else [(b"vary", b"origin")] if self._origins else []

    def __call__(self, exchange: Exchange) -> Awaitable[Answer]:
        """Pass the exchange on, or answer its preflight."""
        if exchange.path.startswith(SOCKETS):  # realtime says itself who may read it; said twice, nobody may
            return self._next(exchange)
        exchange.answer_headers += self._always
        if b"origin" not in exchange.headers or not self._allows(origin := exchange.text(b"origin")):
            return self._next(exchange)
        if not self._open:
            exchange.answer_headers += _marks(origin.encode("latin-1"))
        if exchange.method == "OPTIONS" and b"access-control-request-method" in exchange.headers:
            return _preflight()
        return self._next(exchange)

    def _allows(self, origin: str) -> bool:
        return self._open or origin in self._origins


def _marks(origin: bytes) -> Headers:
    """What tells a browser that the origin may read the answer."""
    return [(b"access-control-allow-origin", origin), (b"access-control-expose-headers", ANSWER_HEADERS)]


async def _preflight() -> Answer:
    return Answer(
        204,
        [
            (b"access-control-allow-methods", METHODS),
            (b"access-control-allow-headers", REQUEST_HEADERS),
            (b"access-control-max-age", MAX_AGE),
        ],
    )
