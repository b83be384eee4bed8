"""The engine looks at the time."""

import asyncio
import time
from email.utils import formatdate

from hypercorn.config import Config

from services.gateway.http2.engine import Engine
from services.gateway.http2.limits import Limits


async def app(scope: object, receive: object, send: object) -> None:
    raise AssertionError("nobody asks")


async def until(share: float) -> None:
    """Wait for so much of a second by the clock on the wall."""
    await asyncio.sleep((share - time.time()) % 1.0)


async def test_the_date_of_answers_changes_with_the_second() -> None:
    engine = Engine(app, Config(), Limits(), {})
    await until(0.5)
    engine.start()
    await until(0.1)
    now = formatdate(time.time(), usegmt=True).encode()
    assert dict(engine.common_headers)[b"date"] == now
    engine.stop()
