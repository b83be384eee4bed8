"""Which symbols there are."""

from services.kit.cache import Cache
from services.kit.errors import NotFound, Unavailable
from services.prices.adapters.instrument_store import InstrumentStore
from services.prices.domain.instruments import Instrument
from services.prices.tenure import Role

KEY = "instruments"
Instruments = tuple[Instrument, ...]


class Catalogue:
    """The instruments: from the market while this replica ingests, else from PostgreSQL through the cache."""

    def __init__(self, role: Role, store: InstrumentStore, cache: Cache[list[Instrument]]) -> None:
        self._role = role
        self._store = store
        self._cache = cache

    async def symbols(self) -> dict[str, Instruments]:
        """Every symbol with the instruments behind it, sorted. Raises Unavailable when nobody can tell."""
        if self._role.tenure is not None and (listed := self._role.tenure.market.symbols):
            return dict(listed)
        symbols: dict[str, Instruments] = {}
        for instrument in await self._cache.get(KEY, self._read) or ():
            symbols[instrument.symbol] = (*symbols.get(instrument.symbol, ()), instrument)
        return symbols

    async def instruments(self, symbol: str) -> Instruments:
        """What is behind a symbol. Raises NotFound when there is no such symbol, Unavailable when nobody can tell."""
        symbols = await self.symbols()
        if not symbols:
            raise Unavailable("no exchange has told its symbols yet", retry_after=1.0)
        if symbol not in symbols:
            raise NotFound(f"there is no symbol {symbol[:40]!r}", reason="unknown_symbol")
        return symbols[symbol]

    async def _read(self) -> list[Instrument] | None:
        return await self._store.read() or None
