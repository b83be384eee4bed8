"""304 Not Modified for clients that hold the present answer already (RFC 9110 section 13.1.2)."""

from services.gateway.pipeline.exchange import Answer, Exchange, Handler

KEPT = frozenset({b"etag", b"cache-control", b"vary", b"content-location", b"expires"})


class Conditional:
    """Compares If-None-Match with the answer's ETag."""

    def __init__(self, handler: Handler) -> None:
        self._next = handler

    async def __call__(self, exchange: Exchange) -> Answer:
        """The answer, or 304 in its place."""
        answer = await self._next(exchange)
        wanted = exchange.headers.get(b"if-none-match")
        if wanted is None or answer.status != 200 or exchange.method not in ("GET", "HEAD"):
            return answer
        etag = answer.header(b"etag")
        if etag is None or not matches(wanted, etag):
            return answer
        return Answer(304, [header for header in answer.headers if header[0] in KEPT])


def matches(if_none_match: bytes, etag: bytes) -> bool:
    """Weak comparison with each of the listed tags, or with any at all."""
    tags = (tag.strip().removeprefix(b"W/") for tag in if_none_match.split(b","))
    return if_none_match.strip() == b"*" or etag.removeprefix(b"W/") in tags
