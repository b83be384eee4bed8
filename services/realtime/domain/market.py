"""Market data on its way to clients: the latest of everything, conflated for each channel that has subscribers."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from services.realtime.domain.channels import Channel, Kind, candles, symbol_prices
from services.realtime.domain.conflation import Conflation
from services.realtime.domain.packets import Packet
from services.realtime.domain.payloads import CandleUpdate, CandleView, PriceUpdate, Tick, encode


@dataclass(frozen=True)
class Rates:
    """The most messages per second that a channel's subscribers are sent."""

    prices: float = 5.0
    symbol: float = 20.0
    candles: float = 5.0


Change = Tick | CandleView


@dataclass(frozen=True, slots=True)
class Dispatch:
    """What changed on a channel, and the same encoded for its subscribers."""

    channel: str
    changes: Mapping[str, Change]
    packets: tuple[Packet, ...]

    newest: float  # when the latest of the prices was published; 0 where there is none


class Market:
    """Takes ticks and candles as they come, and gives out what is due. Moments are epoch milliseconds."""

    def __init__(self, rates: Rates) -> None:
        self._rates = rates
        self._latest: dict[str, Tick] = {}
        self._candles: dict[str, CandleView] = {}  # by channel
        self._ticking: Conflation[Tick] = Conflation(self._wake)
        self._drawing: Conflation[CandleView] = Conflation(self._wake)
        self._symbols: set[str] = set()
        self._listener: Callable[[float], None] | None = None

    def on_waiting(self, listener: Callable[[float], None]) -> None:
        """Tell the listener when something begins to wait, and when it is due (seconds of a monotonic clock)."""
        self._listener = listener

    @property
    def next_due(self) -> float:
        """When there is something to send again; infinite while nothing waits."""
        return min(self._ticking.next_due, self._drawing.next_due)

    @property
    def offered(self) -> int:
        """Ticks that channels with subscribers were offered, once for each channel."""
        return self._ticking.offered

    @property
    def replaced(self) -> int:
        """Ticks that a newer one of the same symbol replaced before they were sent."""
        return self._ticking.replaced

    def learn(self, symbols: Iterable[str]) -> None:
        """Take note of instruments that exist."""
        self._symbols.update(symbols)

    def knows(self, symbol: str) -> bool:
        """Whether the symbol may exist; while no instrument is known at all, any may."""
        return not self._symbols or symbol in self._symbols

    def tick(self, tick: Tick) -> None:
        """Take a price. One that is older than what is known changes nothing."""
        known = self._latest.get(tick.symbol)
        if known is not None and not tick.is_newer_than(known):
            return
        self._latest[tick.symbol] = tick
        self._symbols.add(tick.symbol)
        self._ticking.offer("prices", tick.symbol, tick)
        self._ticking.offer(symbol_prices(tick.symbol), tick.symbol, tick)

    def candle(self, symbol: str, interval: str, candle: CandleView) -> None:
        """Take a candle, new or changed."""
        channel = candles(symbol, interval)
        known = self._candles.get(channel)
        if known is None or candle.open_time >= known.open_time:
            self._candles[channel] = candle
        self._drawing.offer(channel, f"{candle.open_time:016d}", candle)

    def open(self, channel: Channel) -> None:
        """The channel's first subscriber is here."""
        if channel.kind is Kind.PRICES:
            self._ticking.open(channel.name, 1 / self._rates.prices, self._latest)
        elif channel.kind is Kind.SYMBOL_PRICES:
            tick = self._latest.get(channel.symbol)
            self._ticking.open(channel.name, 1 / self._rates.symbol, {tick.symbol: tick} if tick else {})
        elif channel.kind is Kind.CANDLES:
            candle = self._candles.get(channel.name)
            seen = {f"{candle.open_time:016d}": candle} if candle else {}
            self._drawing.open(channel.name, 1 / self._rates.candles, seen, keep=1)

    def close(self, channel: Channel) -> None:
        """The channel's last subscriber is gone."""
        self._ticking.close(channel.name)
        self._drawing.close(channel.name)

    def snapshot(self, channel: Channel, sent_at: float) -> Packet | None:
        """What a newcomer to an open channel is sent first, if there is anything."""
        if channel.kind in (Kind.PRICES, Kind.SYMBOL_PRICES):
            seen = self._ticking.seen(channel.name)
            return _price_update(seen, sent_at) if seen else None
        if channel.kind is Kind.CANDLES:
            drawn = self._drawing.seen(channel.name)
            return _candle_update(channel.name, drawn[max(drawn)], sent_at) if drawn else None
        return None

    def due(self, now: float, sent_at: float) -> Iterator[Dispatch]:
        """What is to be sent now (seconds of a monotonic clock), each channel's changes encoded once."""
        for channel, ticks in self._ticking.take_due(now):
            newest = max(tick.published_at for tick in ticks.values())
            yield Dispatch(channel, ticks, packets_of(channel, ticks, sent_at), newest)
        for channel, drawn in self._drawing.take_due(now):
            yield Dispatch(channel, drawn, packets_of(channel, drawn, sent_at), newest=0.0)

    def _wake(self, moment: float) -> None:
        if self._listener is not None:
            self._listener(moment)


def packets_of(channel: str, changes: Mapping[str, Change], sent_at: float) -> tuple[Packet, ...]:
    """Changes of a channel, encoded: prices in one packet, candles one by one in their order."""
    ticks = {symbol: change for symbol, change in changes.items() if isinstance(change, Tick)}
    if ticks:
        return (_price_update(ticks, sent_at),)
    candles = [change for _, change in sorted(changes.items()) if isinstance(change, CandleView)]
    return tuple(_candle_update(channel, candle, sent_at) for candle in candles)


def _price_update(ticks: Mapping[str, Tick], sent_at: float) -> Packet:
    update = PriceUpdate(
        prices={symbol: tick.quote for symbol, tick in ticks.items()},
        published_at=max(tick.published_at for tick in ticks.values()),
        sent_at=sent_at,
    )
    return Packet("price_update", encode(update))


def _candle_update(channel: str, candle: CandleView, sent_at: float) -> Packet:
    _, symbol, interval = channel.split(":")
    return Packet("candle_update", encode(CandleUpdate(symbol, interval, candle, sent_at)))
