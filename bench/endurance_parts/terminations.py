"""SIGTERM under load, again and again: nothing that the gateway has taken may be lost."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from bench.endurance_parts.clients import Http1Client, Http2Client, Tally
from bench.gateway_parts.processes import Running

HTTP2_CLIENTS, STREAMS, HTTP1_CLIENTS = 4, 8, 16
BEFORE, AFTER = 1.0, 12.0  # seconds under load before the signal; the longest wait after it
PATHS = ("/api/prices", "/api/prices?symbols=C01-USD,C02-USD", "/api/prices?symbols=C03-USD", "/nothing/here")


@dataclass(frozen=True)
class Termination:
    """What one end of a gateway did."""

    tally: Tally
    seconds: float  # from the signal to the end of the process


async def terminate_under_load(
    server: Running, port: int, headers: dict[str, str], ended: Callable[[], Awaitable[None]]
) -> Termination:
    """Load a gateway, ask it to end, and go on until it takes nothing more."""
    tally = Tally()
    clients: list[Http2Client | Http1Client] = [Http2Client(port, headers) for _ in range(HTTP2_CLIENTS)]
    clients += [Http1Client(port, headers) for _ in range(HTTP1_CLIENTS)]
    for client in clients:
        await client.connect()
    lanes = [
        asyncio.create_task(_ask(client, tally, lane))
        for client in clients
        for lane in range(STREAMS if isinstance(client, Http2Client) else 1)
    ]
    await asyncio.sleep(BEFORE)
    signalled = time.monotonic()
    server.terminate()
    async with asyncio.timeout(AFTER):
        await ended()
    seconds = time.monotonic() - signalled
    await asyncio.gather(*lanes)
    for client in clients:
        with suppress(OSError):
            await client.close()
    return Termination(tally, seconds)


async def _ask(client: Http2Client | Http1Client, tally: Tally, lane: int) -> None:
    """Ask again as soon as there is an answer, for as long as the connection takes requests."""
    number = lane
    while not client.closing:
        number += 1
        await tally.count(client, "GET", PATHS[number % len(PATHS)])
