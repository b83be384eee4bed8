"""Work that is done for a client only as long as the client is there."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from services.gateway.errors import ClientGone
from services.gateway.pipeline.exchange import Exchange

T = TypeVar("T")


async def while_there(exchange: Exchange, work: Coroutine[Any, Any, T]) -> T:
    """What the work comes to. It is ended when the client leaves; raises ClientGone then."""
    working = asyncio.create_task(work)
    gone = asyncio.create_task(exchange.wait_gone())
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
        working.cancel()
        await asyncio.gather(working, gone, return_exceptions=True)
    if working.cancelled():
        raise ClientGone
    return working.result()
