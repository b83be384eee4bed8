"""Market data on its way to clients: the latest of everything, conflated for each stream that has subscribers."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from services.kit.clock import Clock
from services.realtime.domain.channels import Channel, Kind, candles, parse, symbol_prices
from services.realtime.domain.conflation import Conflation
from services.realtime.domain.dispatch import Change, Dispatch, candle_update, dispatch_of, price_update
from services.realtime.domain.packets import Packet
from services.realtime.domain.payloads import CandleView, Tick
from services.realtime.domain.streams import Rates, Stream


class Market:
    """Takes ticks and candles as they come, and gives out what is due. Moments are epoch milliseconds."""

    def __init__(self, rates: Rates, clock: Clock) -> None:
        self._rates = rates
        self._latest: dict[str, Tick] = {}
        self._candles: dict[str, CandleView] = {}  # by channel
        self._ticking: Conflation[Tick] = Conflation(clock, self._wake)
        self._drawing: Conflation[CandleView] = Conflation(clock, self._wake)
        self._symbols: set[str] = set()
        self._listener: Callable[[float], None] | None = None

    def on_waiting(self, listener: Callable[[float], None]) -> None:
        """Tell the listener when something begins to wait, and when it is due (seconds of a monotonic clock)."""
        self._listener = listener

    @property
    def next_due(self) -> float:
        """When there is something to send again; infinite while nothing waits."""
        return min(self._ticking.earliest, self._drawing.earliest)[0]

    @property
    def offered(self) -> int:
        """Ticks that streams with subscribers were offered, once for each."""
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

    def stream(self, channel: Channel, wish: float | None) -> Stream:
        """The channel at its own pace, or at the one granted to a client that wishes for so many updates per second."""
        return self._rates.stream(channel, wish)

    def open(self, stream: Stream) -> None:
        """The stream's first subscriber is here."""
        channel = parse(stream.channel)
        if channel.kind is Kind.PRICES:
            self._ticking.open(stream, self._latest)
        elif channel.kind is Kind.SYMBOL_PRICES:
            tick = self._latest.get(channel.symbol)
            self._ticking.open(stream, {tick.symbol: tick} if tick else {})
        elif channel.kind is Kind.CANDLES:
            candle = self._candles.get(channel.name)
            self._drawing.open(stream, {f"{candle.open_time:016d}": candle} if candle else {}, keep=1)

    def close(self, stream: Stream) -> None:
        """The stream's last subscriber is gone."""
        self._ticking.close(stream)
        self._drawing.close(stream)

    def snapshot(self, stream: Stream, sent_at: float) -> Packet | None:
        """What a newcomer to an open stream is sent first, if there is anything."""
        seen = self._ticking.seen(stream)
        if seen:
            return price_update(seen, sent_at)
        drawn = self._drawing.seen(stream)
        return candle_update(stream.channel, drawn[max(drawn)], sent_at) if drawn else None

    def pending(self, stream: Stream) -> Mapping[str, Change]:
        """What an open stream's subscribers have not been sent yet."""
        return self._ticking.pending(stream) or self._drawing.pending(stream)

    def due(self, now: float, sent_at: float) -> Iterator[Dispatch]:
        """What is to be sent now to the slot whose turn it is, each stream's changes encoded once.

        `now` is in seconds of a monotonic clock.
        """
        slot = min(self._ticking.earliest, self._drawing.earliest)[1]
        for stream, ticks in self._ticking.take_due(slot, now):
            yield dispatch_of(stream, ticks, sent_at)
        for stream, drawn in self._drawing.take_due(slot, now):
            yield dispatch_of(stream, drawn, sent_at)

    def _wake(self, moment: float) -> None:
        if self._listener is not None:
            self._listener(moment)
