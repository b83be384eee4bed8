"""The past: candles."""

from datetime import datetime, timedelta

from cryptovault.prices.v1.prices_service_pb2 import ListCandlesResponse

from services.kit.cache import Cache
from services.kit.clock import Clock
from services.prices.adapters.candle_store import BASE_INTERVAL, EPOCH, CandleStore
from services.prices.adapters.wire import to_candle
from services.prices.domain.candles import Candle
from services.prices.tenure import Role

SETTLED_AFTER = timedelta(hours=1)  # ranges that ended so long ago hardly change: seconds of age do not matter there


class History:
    """Candles from PostgreSQL, with what is still in this replica's memory on top; settled ranges from the cache."""

    def __init__(self, role: Role, store: CandleStore, cache: Cache[bytes], clock: Clock) -> None:
        self._role = role
        self._store = store
        self._cache = cache
        self._clock = clock

    async def read(
        self, symbol: str, interval: str, start: datetime | None, end: datetime | None, limit: int, digits: int
    ) -> ListCandlesResponse:
        """The newest `limit` candles with start <= open_time < end, oldest first. Raises Unavailable."""
        now = EPOCH + timedelta(seconds=self._clock.time())
        if start is None or end is None or end > now - SETTLED_AFTER:
            return await self._load(symbol, interval, start, end or now, limit, digits)

        async def load() -> bytes:
            return (await self._load(symbol, interval, start, end, limit, digits)).SerializeToString()

        key = f"{symbol}:{interval}:{start.isoformat()}:{end.isoformat()}:{limit}"
        data = await self._cache.get(key, load)
        return ListCandlesResponse.FromString(data or b"")

    async def _load(
        self, symbol: str, interval: str, start: datetime | None, end: datetime, limit: int, digits: int
    ) -> ListCandlesResponse:
        if interval == BASE_INTERVAL:
            stored = await self._store.read(symbol, start, end, limit)
            candles = self._with_recent(symbol, stored, start or EPOCH, end)[-limit:]
        else:
            candles = await self._store.read_rolled_up(symbol, interval, start, end, limit)
        return ListCandlesResponse(
            symbol=symbol, interval=interval, candles=[to_candle(candle, digits) for candle in candles]
        )

    def _with_recent(self, symbol: str, stored: list[Candle], start: datetime, end: datetime) -> list[Candle]:
        if self._role.tenure is None:
            return stored
        merged = {candle.open_time: candle for candle in stored}
        for candle in self._role.tenure.candles.recent(symbol):
            known = merged.get(candle.open_time)
            inside = start.timestamp() <= candle.open_time < end.timestamp()
            if inside and (known is None or candle.trades >= known.trades):
                merged[candle.open_time] = candle
        return [merged[open_time] for open_time in sorted(merged)]
