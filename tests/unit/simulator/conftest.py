"""A simulator on a free port whose market the test moves by hand."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from simulator.market import Bar, DayStats, Event, Instrument, MarketSource, Quote, Trade
from simulator.server import application, serving
from simulator.venues.base import Venue
from simulator.wiring import venues_of

REPOSITORY = Path(__file__).resolve().parents[3]
PATIENCE = 2.0  # seconds to wait for a frame
SYMBOLS = {"binance": ("BTCUSDT", "USDT"), "coinbase": ("BTC-USD", "USD"), "kraken": ("BTC/USD", "USD")}


class HandSource:
    """A market that stands still but for what the test sends."""

    mode = "generator"

    def instruments(self, venue: str) -> list[Instrument]:
        symbol, quote = SYMBOLS[venue]
        return [Instrument(venue, symbol, "BTC", quote, Decimal("0.01"), Decimal("0.00001"))]

    async def run(self, publish: Callable[[Event], None]) -> None:
        await asyncio.Event().wait()

    def bars(self, venue: str, symbol: str, start: int, end: int) -> list[Bar]:
        every = [Bar(60 * n, 10.0 + n, 12.0 + n, 9.0 + n, 11.0 + n, 2.0, 20.0, 5, 1.0) for n in range(20) if n != 7]
        return [bar for bar in every if start <= bar.open_time < end]

    def day_stats(self, venue: str, symbol: str) -> DayStats:
        return DayStats(100.0, 120.0, 90.0, 110.0, 50.0, 5500.0, 1000)


class Socket:
    """A client's end, with answers read as JSON."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.raw = socket

    async def send(self, message: Any) -> None:
        await self.raw.send_str(message if isinstance(message, str) else msgspec.json.encode(message).decode())

    async def text(self) -> str:
        return await self.raw.receive_str(timeout=PATIENCE)

    async def get(self) -> Any:
        return msgspec.json.decode(await self.text())

    async def ask(self, message: Any) -> Any:
        await self.send(message)
        return await self.get()

    async def silent(self, seconds: float = 0.05) -> bool:
        try:
            await self.raw.receive(timeout=seconds)
        except TimeoutError:
            return True
        return False


class Rig:
    """A running simulator and a client of it."""

    def __init__(self, port: int, venues: dict[str, Venue], client: aiohttp.ClientSession) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.venues = venues
        self.client = client

    def socket(self, path: str) -> Any:
        @asynccontextmanager
        async def connect() -> AsyncIterator[Socket]:
            async with self.client.ws_connect(self.url + path, autoping=True) as socket:
                yield Socket(socket)

        return connect()

    async def rest(self, path: str, **query: Any) -> Any:
        async with self.client.get(self.url + path, params=query) as response:
            return await response.json()

    async def control(self, **body: Any) -> tuple[int, Any]:
        async with self.client.post(self.url + "/control", json=body) as response:
            return response.status, await response.json()

    def quote(self, venue: str, bid: str, ask: str) -> None:
        size = Decimal("0.5")
        quote = Quote(venue, SYMBOLS[venue][0], Decimal(bid), size, Decimal(ask), size, 1_700_000_000_123_456_000, 77)
        self.venues[venue].receive(quote)

    def trade(self, venue: str, price: str, side: Any = "buy", trade_id: int = 41) -> None:
        event_ns = 1_700_000_000_123_456_000
        trade = Trade(venue, SYMBOLS[venue][0], Decimal(price), Decimal("0.25"), side, trade_id, event_ns, 78)
        self.venues[venue].receive(trade)

    def second(self, venue: str) -> None:
        self.venues[venue].every_second()


@asynccontextmanager
async def running(source: MarketSource) -> AsyncIterator[Rig]:
    venues = venues_of(source)
    async with serving(application(source, venues), "127.0.0.1", 0) as port, aiohttp.ClientSession() as client:
        yield Rig(port, venues, client)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with running(HandSource()) as started:
        yield started


@pytest.fixture
def start_rig() -> Callable[[MarketSource], Any]:
    return running


def recordings_folder() -> Path:
    candidates: Sequence[Path] = (Path(os.environ.get("CV_RECORDINGS", "")), REPOSITORY.parent / "shared/recordings")
    for candidate in candidates:
        if candidate.name and candidate.is_dir():
            return candidate
    raise AssertionError(
        "the recorded exchange traffic is missing: put it at ../shared/recordings beside the repository, "
        "or set CV_RECORDINGS to its folder"
    )


@pytest.fixture(scope="session")
def recordings() -> Path:
    return recordings_folder()
