"""The request body: read as a whole, after the caller is known, up to what the route allows and within a time limit."""

import asyncio
from collections.abc import Awaitable

from services.gateway.errors import ClientGone, RequestTimeout
from services.gateway.pipeline.exchange import Answer, Exchange, Handler
from services.kit.errors import FieldError, InvalidInput, PayloadTooLarge

IDLE_SECONDS = 15.0  # between two pieces of a body
TOTAL_SECONDS = 60.0


class DeclaredLength:
    """Refuses at once what says itself that it is too large."""

    def __init__(self, handler: Handler) -> None:
        self._next = handler

    def __call__(self, exchange: Exchange) -> Awaitable[Answer]:
        """Pass the exchange on. Raises PayloadTooLarge or InvalidInput."""
        if b"content-length" in exchange.headers:
            policy = exchange.route.policy if exchange.route else None
            if policy is not None and _declared_length(exchange) > policy.max_body:
                raise _too_large(policy.max_body)
        return self._next(exchange)


class BodyReader:
    """Reads the body of those who may call. The limit holds for what arrives, whether or not its length was told."""

    def __init__(self, handler: Handler) -> None:
        self._next = handler

    def __call__(self, exchange: Exchange) -> Awaitable[Answer]:
        """Pass the exchange on with its body. Raises PayloadTooLarge or RequestTimeout."""
        policy = exchange.route.policy if exchange.route else None
        if policy is None or exchange.body_ended:
            return self._next(exchange)
        return self._with_body(exchange, policy.max_body)

    async def _with_body(self, exchange: Exchange, limit: int) -> Answer:
        exchange.body = await read_body(exchange, limit)
        return await self._next(exchange)


async def read_body(exchange: Exchange, limit: int) -> bytes:
    """The whole body. Raises PayloadTooLarge, RequestTimeout or ClientGone."""
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(TOTAL_SECONDS):
            while not exchange.body_ended:
                async with asyncio.timeout(IDLE_SECONDS):
                    piece = await exchange.read()
                size += len(piece)
                if size > limit:
                    raise _too_large(limit)
                pieces.append(piece)
    except TimeoutError:
        raise RequestTimeout("the body did not arrive in time") from None
    if exchange.gone:
        raise ClientGone
    return b"".join(pieces)


def _declared_length(exchange: Exchange) -> int:
    text = exchange.headers[b"content-length"]
    if not text.isdigit():
        wrong = FieldError("content-length", "must be a whole number")
        raise InvalidInput("content-length must be a whole number", fields=(wrong,))
    return int(text)


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"the body is larger than {limit} bytes, the most that is taken here")
