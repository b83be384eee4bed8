"""The domain's prices and candles as protobuf messages."""

from decimal import Decimal

from cryptovault.prices.v1.price_pb2 import Candle as CandleMessage
from cryptovault.prices.v1.price_pb2 import Price, Rejection, Symbol, Venue
from cryptovault.prices.v1.price_pb2 import Source as SourceMessage

from services.prices.domain.candles import Candle
from services.prices.domain.consolidation import Consolidated
from services.prices.domain.instruments import Instrument
from services.prices.domain.numbers import plain
from services.prices.feeds.monitor import VenueState

MILLISECONDS = 1000  # in a second
STALE_AFTER = 5.0  # seconds without an ingester


def to_price(symbol: str, price: Consolidated, *, seq: int, simulated: bool, now: float) -> Price:
    """A price to publish at `now` (epoch seconds)."""
    digits = price.digits
    message = Price(
        symbol=symbol,
        price=plain(price.price, digits),
        bid=_optional(price.bid, digits),
        ask=_optional(price.ask, digits),
        confidence=plain(price.confidence, digits),
        change_24h=_optional(price.change_24h, 2),
        volume_24h=_optional(price.volume_24h, 0),
        quality=Price.Quality.ValueType(price.quality.value),
        simulated=simulated,
        sources=[
            SourceMessage(venue=vote.venue, price=plain(vote.price, vote.digits), age_ms=_milliseconds(vote.age))
            for vote in price.used
        ],
        rejected=[Rejection(venue=item.venue, reason=item.reason) for item in price.rejected],
        max_age_ms=_milliseconds(price.age),
        seq=seq,
    )
    if price.event_time:
        message.event_time.FromNanoseconds(price.event_time)
    message.published_at.FromMilliseconds(_milliseconds(now))
    return message


def aged(price: Price, now: float, *, ingested: bool) -> Price:
    """The price as it is at `now` (epoch seconds): its sources have aged since it was published.

    ingested: whether somebody still takes in what venues say; if not, nothing can be younger than STALE_AFTER.
    """
    elapsed = max(0, _milliseconds(now) - price.published_at.ToMilliseconds())
    answer = Price()
    answer.CopyFrom(price)
    answer.max_age_ms += elapsed
    for source in answer.sources:
        source.age_ms += elapsed
    if not ingested:
        answer.quality = Price.STALE
    return answer


def to_candle(candle: Candle, digits: int) -> CandleMessage:
    """A candle whose prices have at least `digits` after the point."""
    message = CandleMessage(
        open=plain(candle.open, digits),
        high=plain(candle.high, digits),
        low=plain(candle.low, digits),
        close=plain(candle.close, digits),
        volume=plain(candle.volume),
        trades=candle.trades,
        closed=candle.closed,
        revision=candle.revision,
        complete=candle.complete,
    )
    message.open_time.FromSeconds(candle.open_time)
    return message


def to_symbol(symbol: str, instruments: tuple[Instrument, ...]) -> Symbol:
    """An instrument and the venues that list it."""
    return Symbol(
        symbol=symbol,
        base=instruments[0].base,
        quote=instruments[0].quote,
        venues=sorted(item.venue for item in instruments),
    )


def to_venue(state: VenueState) -> Venue:
    """The state of a feed."""
    message = Venue(
        venue=state.venue,
        circuit=Venue.Circuit.ValueType(state.circuit.value),
        connected=state.connected,
        lag_ms=state.lag_ms,
        messages_per_second=state.messages_per_second,
        messages=state.messages,
        connects=state.connects,
        last_error=state.last_error,
        symbols=state.symbols,
        simulated=state.simulated,
    )
    if state.last_message_at is not None:
        message.last_message_at.FromMilliseconds(_milliseconds(state.last_message_at))
    return message


def _optional(value: Decimal | None, digits: int) -> str:
    return "" if value is None else plain(value, digits)


def _milliseconds(seconds: float) -> int:
    return round(seconds * MILLISECONDS)
