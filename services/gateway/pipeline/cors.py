"""Cross-origin requests (Fetch standard, CORS protocol): for the origins that a setting names, and no others."""

from collections.abc import Awaitable, Collection

from services.gateway.pipeline.exchange import Answer, Exchange, Handler

METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"
REQUEST_HEADERS = (
    b"authorization, content-type, if-none-match, request-timeout, x-api-key, x-request-id, traceparent, tracestate"
)
ANSWER_HEADERS = b"ratelimit, ratelimit-policy, retry-after, x-request-id, traceresponse, etag, age"
MAX_AGE = b"600"  # seconds that a browser may keep the permission


class Cors:
    """Answers preflights and marks answers for the allowed origins; "*" allows all of them, without credentials."""

    def __init__(self, handler: Handler, origins: Collection[str]) -> None:
        self._next = handler
        self._origins = frozenset(origins)
        # Every answer says so then, or a cache would give one without the mark to an origin that is allowed.
        self._differs = bool(self._origins) and "*" not in self._origins

    def __call__(self, exchange: Exchange) -> Awaitable[Answer]:
        """Pass the exchange on, or answer its preflight."""
        if self._differs:
            exchange.answer_headers.append((b"vary", b"origin"))
        if b"origin" not in exchange.headers or not self._allows(origin := exchange.text(b"origin")):
            return self._next(exchange)
        allowed = b"*" if "*" in self._origins else origin.encode("latin-1")
        exchange.answer_headers += [
            (b"access-control-allow-origin", allowed),
            (b"access-control-expose-headers", ANSWER_HEADERS),
        ]
        if exchange.method == "OPTIONS" and b"access-control-request-method" in exchange.headers:
            return _preflight()
        return self._next(exchange)

    def _allows(self, origin: str) -> bool:
        return "*" in self._origins or origin in self._origins


async def _preflight() -> Answer:
    return Answer(
        204,
        [
            (b"access-control-allow-methods", METHODS),
            (b"access-control-allow-headers", REQUEST_HEADERS),
            (b"access-control-max-age", MAX_AGE),
        ],
    )
