"""Live exchanges when they can be reached, the simulator otherwise. Only the launcher ever makes that choice."""

import asyncio
import ssl
from collections.abc import Mapping

LIMIT = 2.0  # seconds
VENUES = (("stream.binance.com", 9443), ("ws-feed.exchange.coinbase.com", 443), ("ws.kraken.com", 443))
CHOICES = ("auto", "live", "simulated")
LIVE, SIMULATED = "live", "simulated"


async def choose_market(environ: Mapping[str, str]) -> str:
    """`live` or `simulated`, as CV_MARKET says; `auto` tries one connection to each exchange.

    Recordings are only ever replayed by the simulator. Raises ValueError for any other CV_MARKET.
    """
    asked = environ.get("CV_MARKET") or "auto"
    if asked not in CHOICES:
        raise ValueError(f"CV_MARKET must be one of {', '.join(CHOICES)}, not {asked!r}.")
    if environ.get("CV_SIMULATOR_RECORDINGS"):
        if asked == LIVE:
            raise ValueError("CV_MARKET=live and RECORDINGS exclude each other: recordings are not live.")
        return SIMULATED
    if asked != "auto":
        return asked
    reached = await asyncio.gather(*(_reaches(host, port) for host, port in VENUES))
    return LIVE if any(reached) else SIMULATED


async def _reaches(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(LIMIT):
            _, writer = await asyncio.open_connection(host, port, ssl=ssl.create_default_context())
    except (OSError, TimeoutError, ssl.SSLError):
        return False
    writer.close()
    return True
