"""How long the client will wait, as its Request-Timeout header says: nobody works for one who has left.

The upstream call gets the same deadline, and the services behind it what is left of it.
"""

import asyncio
import math
import time
from collections.abc import Awaitable

from services.gateway.pipeline.exchange import Answer, Exchange, Handler
from services.kit.errors import DeadlineExceeded, FieldError, InvalidInput

HEADER = b"request-timeout"
SHORTEST, LONGEST = 0.01, 60.0  # seconds
SLACK = 0.05  # seconds for the upstream's own deadline to end the call in good order first


class Deadline:
    """Takes the client's time limit over; the route's own holds in any case."""

    def __init__(self, handler: Handler) -> None:
        self._next = handler

    def __call__(self, exchange: Exchange) -> Awaitable[Answer]:
        """Pass the exchange on. Raises InvalidInput, or DeadlineExceeded when the time is over."""
        if HEADER not in exchange.headers:
            return self._next(exchange)
        limit = parse_timeout(exchange.text(HEADER))
        exchange.deadline = time.monotonic() + limit
        return self._limited(exchange, limit)

    async def _limited(self, exchange: Exchange, limit: float) -> Answer:
        try:
            async with asyncio.timeout(limit + SLACK):
                return await self._next(exchange)
        except TimeoutError:
            raise DeadlineExceeded(f"there was no answer within {limit:g} seconds") from None


def parse_timeout(text: str) -> float:
    """Seconds, brought within bounds. Raises InvalidInput for what is not a positive number."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not seconds > 0:
        wrong = FieldError("request-timeout", "must be a positive number of seconds")
        raise InvalidInput(f"request-timeout {wrong.message}", fields=(wrong,))
    return min(LONGEST, max(SHORTEST, seconds))
