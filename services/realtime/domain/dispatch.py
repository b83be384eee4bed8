"""What changed on a stream, and the same encoded, once for all its subscribers."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.realtime.domain.packets import Packet
from services.realtime.domain.payloads import CandleUpdate, CandleView, PriceUpdate, Tick, encode
from services.realtime.domain.streams import Stream

Change = Tick | CandleView


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Changes on their way. Moments are epoch milliseconds."""

    stream: Stream
    changes: Mapping[str, Change]
    packets: tuple[Packet, ...]
    sent_at: float
    newest: float = 0.0  # when the latest of the prices was published; 0 where it waited by choice, or is none


def dispatch_of(stream: Stream, changes: Mapping[str, Change], sent_at: float) -> Dispatch:
    """Changes of a stream, encoded."""
    published = [change.published_at for change in changes.values() if isinstance(change, Tick)]
    newest = max(published) if published and not stream.slowed else 0.0  # who wished for less has chosen to wait
    return Dispatch(stream, changes, packets_of(stream.channel, changes, sent_at), sent_at, newest)


def packets_of(channel: str, changes: Mapping[str, Change], sent_at: float) -> tuple[Packet, ...]:
    """Changes of a channel, encoded: prices in one packet, candles one by one in their order."""
    ticks = {symbol: change for symbol, change in changes.items() if isinstance(change, Tick)}
    if ticks:
        return (price_update(ticks, sent_at),)
    candles = [change for _, change in sorted(changes.items()) if isinstance(change, CandleView)]
    return tuple(candle_update(channel, candle, sent_at) for candle in candles)


def price_update(ticks: Mapping[str, Tick], sent_at: float) -> Packet:
    """Some prices, as clients get them."""
    update = PriceUpdate(
        prices={symbol: tick.quote for symbol, tick in ticks.items()},
        published_at=max(tick.published_at for tick in ticks.values()),
        sent_at=sent_at,
    )
    return Packet("price_update", encode(update))


def candle_update(channel: str, candle: CandleView, sent_at: float) -> Packet:
    """One candle, as clients get it."""
    _, symbol, interval = channel.split(":")
    return Packet("candle_update", encode(CandleUpdate(symbol, interval, candle, sent_at)))
