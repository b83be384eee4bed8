"""All symbols at all venues: what was last said, and the price that follows from it."""

from collections.abc import Iterable, Mapping

import msgspec

from services.prices.domain.consolidation import Consolidated, Quality, Rejected, Vote, consolidate
from services.prices.domain.events import DayStats, Quote, Trade
from services.prices.domain.instruments import Instrument
from services.prices.domain.source import Source


class Market:
    """The present state of every source, kept up to date by `apply`."""

    def __init__(self) -> None:
        self._by_venue: dict[str, dict[str, Source]] = {}
        self._by_symbol: dict[str, list[Source]] = {}
        self._previous: dict[str, Consolidated] = {}

    def list_instruments(self, venue: str, instruments: Iterable[Instrument]) -> None:
        """Take a venue's instruments; a source that is already known keeps what it knows."""
        sources = self._by_venue.setdefault(venue, {})
        for instrument in instruments:
            if instrument.symbol not in sources:
                source = sources[instrument.symbol] = Source(instrument)
                self._by_symbol.setdefault(instrument.symbol, []).append(source)

    @property
    def symbols(self) -> Mapping[str, tuple[Instrument, ...]]:
        """Every symbol with the instruments behind it."""
        return {
            symbol: tuple(source.instrument for source in sources)
            for symbol, sources in sorted(self._by_symbol.items())
        }

    @property
    def names(self) -> list[str]:
        """Every symbol."""
        return list(self._by_symbol)

    @property
    def venues(self) -> frozenset[str]:
        """The venues whose instruments are known."""
        return frozenset(self._by_venue)

    def digits_of(self, symbol: str) -> int:
        """Digits after the point of the symbol's prices, at the venue that prints most."""
        return max((source.instrument.digits for source in self._by_symbol.get(symbol, ())), default=0)

    def apply(self, venue: str, event: Quote | Trade | DayStats, received: float) -> None:
        """Take what a venue said. A symbol that the venue does not list is a KeyError: decoders filter those."""
        source = self._by_venue[venue][event.symbol]
        if isinstance(event, Quote):
            source.quote(event, received)
        elif isinstance(event, Trade):
            source.trade(event, received)
        else:
            source.day(event)

    def price(self, symbol: str, now: float) -> Consolidated | None:
        """The price of a symbol at `now` (monotonic seconds); None while no venue has named one.

        When every venue is silent beyond its limit, the last price is repeated as STALE, with the ages that its
        venues have by now.
        """
        sources = self._by_symbol.get(symbol, ())
        votes = [vote for source in sources if (vote := _vote(source, now)) is not None]
        price = consolidate(votes) or _repeat(self._previous.get(symbol), votes)
        if price is not None:
            self._previous[symbol] = price
        return price


def _vote(source: Source, now: float) -> Vote | None:
    price = source.price
    if price is None:
        return None
    return Vote(
        venue=source.instrument.venue,
        price=price,
        age=max(0.0, now - source.received),
        age_limit=source.age_limit,
        bid=source.bid,
        ask=source.ask,
        volume=source.volume_24h,
        open_24h=source.open_24h,
        event_time=source.event_time,
        digits=source.instrument.digits,
        bridged=source.instrument.bridged,
    )


def _repeat(previous: Consolidated | None, votes: list[Vote]) -> Consolidated | None:
    if previous is None:
        return None
    ages = {vote.venue: vote.age for vote in votes}
    used = tuple(msgspec.structs.replace(vote, age=ages.get(vote.venue, vote.age)) for vote in previous.used)
    counted = {vote.venue for vote in used}
    return msgspec.structs.replace(
        previous,
        quality=Quality.STALE,
        used=used,
        rejected=tuple(Rejected(vote.venue, "stale") for vote in votes if vote.venue not in counted),
        age=max(vote.age for vote in used),
    )
