"""The RPCs of PricesService: check what was asked, read, answer."""

from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from typing import Any

from cryptovault.prices.v1 import prices_service_pb2 as rpc
from cryptovault.prices.v1.prices_service_pb2_grpc import PricesServiceServicer
from google.protobuf.timestamp_pb2 import Timestamp

from services.kit.errors import FieldError, InvalidInput, Unavailable
from services.prices.adapters.candle_store import BASE_INTERVAL, INTERVALS
from services.prices.adapters.wire import to_symbol
from services.prices.board import Board
from services.prices.catalogue import Catalogue
from services.prices.history import History
from services.prices.streams import Streams

DEFAULT_LIMIT = 100
MAXIMUM_LIMIT = 1000
MAXIMUM_SYMBOLS = 500  # in one filter


class PricesHandlers(PricesServiceServicer):
    """Prices, candles, symbols and venues over gRPC."""

    def __init__(self, catalogue: Catalogue, board: Board, history: History, streams: Streams) -> None:
        self._catalogue = catalogue
        self._board = board
        self._history = history
        self._streams = streams

    async def ListPrices(self, request: rpc.ListPricesRequest, context: Any) -> rpc.ListPricesResponse:
        """Latest prices. Raises NotFound when the filter names an unknown symbol."""
        wanted = _split(request.symbols)
        for symbol in wanted:
            await self._catalogue.instruments(symbol)
        prices = await self._board.prices()
        return rpc.ListPricesResponse(prices=[price for price in prices if not wanted or price.symbol in wanted])

    async def GetPrice(self, request: rpc.GetPriceRequest, context: Any) -> rpc.GetPriceResponse:
        """One price. Raises NotFound for an unknown symbol, Unavailable while no venue has named a price."""
        symbol = _symbol(request.symbol)
        await self._catalogue.instruments(symbol)
        price = await self._board.price(symbol)
        if price is None:
            raise Unavailable(f"no exchange has named a price of {symbol} yet", reason="no_price", retry_after=1.0)
        return rpc.GetPriceResponse(price=price)

    async def ListCandles(self, request: rpc.ListCandlesRequest, context: Any) -> rpc.ListCandlesResponse:
        """Candles. Raises InvalidInput with every field that is wrong, NotFound for an unknown symbol."""
        symbol = _symbol(request.symbol)
        start, end, limit = _range(request)
        instruments = await self._catalogue.instruments(symbol)
        digits = max(item.digits for item in instruments)
        return await self._history.read(symbol, request.interval or BASE_INTERVAL, start, end, limit, digits)

    async def StreamPrices(
        self, request: rpc.StreamPricesRequest, context: Any
    ) -> AsyncIterator[rpc.StreamPricesResponse]:
        """The latest price at once, then each new one; a reader that is slow gets the newest only."""
        symbol = _symbol(request.symbol)
        await self._catalogue.instruments(symbol)
        with self._streams.open(symbol) as slot:
            latest = await self._board.price(symbol)
            if latest is not None:
                slot.put(latest)
            async for price in slot.prices():
                yield rpc.StreamPricesResponse(price=price)

    async def ListSymbols(self, request: rpc.ListSymbolsRequest, context: Any) -> rpc.ListSymbolsResponse:
        """The instruments."""
        symbols = await self._catalogue.symbols()
        return rpc.ListSymbolsResponse(symbols=[to_symbol(*item) for item in symbols.items()])

    async def ListVenues(self, request: rpc.ListVenuesRequest, context: Any) -> rpc.ListVenuesResponse:
        """The exchanges."""
        return rpc.ListVenuesResponse(venues=await self._board.venues())


def _split(symbols: Iterable[str]) -> set[str]:
    wanted = {_symbol(part) for entry in symbols for part in entry.split(",") if part.strip()}
    if len(wanted) > MAXIMUM_SYMBOLS:
        raise InvalidInput(fields=(FieldError("symbols", f"at most {MAXIMUM_SYMBOLS} at a time"),))
    return wanted


def _symbol(text: str) -> str:
    """Symbols are written in capitals; clients may be careless."""
    return text.strip().upper()


def _range(request: rpc.ListCandlesRequest) -> tuple[datetime | None, datetime | None, int]:
    mistakes: list[FieldError] = []
    if request.interval and request.interval not in INTERVALS:
        mistakes.append(FieldError("interval", f"must be one of {', '.join(INTERVALS)}"))
    if not 0 <= request.limit <= MAXIMUM_LIMIT:
        mistakes.append(FieldError("limit", f"must be between 1 and {MAXIMUM_LIMIT}, or 0 for {DEFAULT_LIMIT}"))
    start = _moment("start", request.start if request.HasField("start") else None, mistakes)
    end = _moment("end", request.end if request.HasField("end") else None, mistakes)
    if start is not None and end is not None and start >= end:
        mistakes.append(FieldError("end", "must be after start"))
    if mistakes:
        raise InvalidInput(fields=tuple(mistakes))
    return start, end, request.limit or DEFAULT_LIMIT


def _moment(field: str, given: Timestamp | None, mistakes: list[FieldError]) -> datetime | None:
    if given is None:
        return None
    try:
        return given.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        mistakes.append(FieldError(field, "must be a time between the years 1 and 9999"))
        return None
