"""How many recorded Binance frames a second one core takes through the path of prices.

    python bench/feeds.py <file of recorded frames, such as .../binance-raw-2024/spot_btcusdt_20240808.gz>

Stages: decode (bytes to events), ingest (and market, candles), publish (and consolidated, encoded, handed to a bus that
counts). CPU time of this process, best of some rounds; what the sockets cost is not in it.
"""

import asyncio
import gzip
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from google.protobuf.message import Message

from services.kit.clock import SystemClock
from services.prices.domain.candles import CandleBook
from services.prices.domain.events import DayStats, Event, Quote, Trade
from services.prices.domain.instruments import Instrument
from services.prices.domain.market import Market
from services.prices.feeds.binance import Decoder
from services.prices.publisher import Publisher
from services.prices.streams import Streams

ROUNDS = 5
BURST = 500  # frames between two turns of the publisher
SYMBOL = "X-USD"
KINDS = ("bookTicker", "trade")


class Sink:
    """A bus and a store that only count."""

    def __init__(self) -> None:
        self.published = 0

    async def publish(self, subject: str, payload: Message | bytes) -> None:
        """Encode, as the bus would."""
        self.published += 1
        if isinstance(payload, Message):
            payload.SerializeToString()

    def price(self, symbol: str, data: bytes) -> None:
        """Drop it."""

    def beat(self) -> None:
        """Nothing."""


def read(path: Path) -> tuple[list[bytes], str]:
    """The frames that the feed subscribes to, and the venue's name of the pair."""
    with gzip.open(path) as lines:
        frames = [line.split(b" ", 1)[1].rstrip() for line in lines]
    wanted = [frame for frame in frames if any(f'@{kind}"'.encode() in frame[:60] for kind in KINDS)]
    return wanted, path.name.split("_")[1].upper()


async def decode_only(frames: Sequence[bytes], decode: Callable[[bytes], Sequence[Event]]) -> int:
    """Bytes to events."""
    for frame in frames:
        decode(frame)
    return 0


async def ingest(frames: Sequence[bytes], decode: Callable[[bytes], Sequence[Event]], hz: float | None) -> int:
    """Events to market and candles; with `hz` also to published prices."""
    market, candles, sink = Market(), CandleBook(), Sink()
    market.list_instruments("binance", [Instrument("binance", "X", "X", "USD", 2)])
    candles.expect(SYMBOL, "binance")
    publisher = Publisher(market, sink, sink, Streams(), hz=hz or 1, simulated=True, clock=SystemClock())
    running = asyncio.create_task(publisher.run())
    for number, frame in enumerate(frames):
        for event in decode(frame):
            if isinstance(event, Quote | Trade | DayStats):
                market.apply("binance", event, time.monotonic())
            if isinstance(event, Trade):
                candles.add("binance", event, time.monotonic())
            if hz:
                publisher.touch(SYMBOL)
        if number % BURST == 0:
            await asyncio.sleep(0)
    running.cancel()
    return sink.published


async def measure(name: str, frames: int, run: Callable[[], Awaitable[int]]) -> None:
    """Print the best round."""
    best, published = float("inf"), 0
    for _ in range(ROUNDS):
        began = time.process_time()
        published = await run()
        best = min(best, time.process_time() - began)
    print(f"{name:34} {frames / best:12,.0f} frames/s {best / frames * 1e6:7.2f} us {published:8} published")


async def main() -> None:
    """All stages."""
    frames, native = read(Path(sys.argv[1]))
    decode = Decoder({native: SYMBOL}).decode
    print(f"{len(frames)} frames of {native}")
    await measure("decode", len(frames), lambda: decode_only(frames, decode))
    await measure("decode, market, candles", len(frames), lambda: ingest(frames, decode, None))
    await measure("and published, 10 a second", len(frames), lambda: ingest(frames, decode, 10))
    await measure("and published, 1,000 a second", len(frames), lambda: ingest(frames, decode, 1000))


if __name__ == "__main__":
    asyncio.run(main())
