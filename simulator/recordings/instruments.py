"""Names and step sizes of recorded markets, from the instrument lists recorded beside them where there are any."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from simulator.market import Instrument
from simulator.recordings.lines import open_lines
from simulator.recordings.readers import v2_symbol

FINEST = Decimal("0.00000001")  # taken where no list tells the step
BINANCE_QUOTES = ("USDT", "BUSD", "USDC", "TUSD", "BTC", "ETH", "BNB", "TRY", "EUR", "GBP", "RUB", "USD")


def instruments(venue: str, symbols: Iterable[str], folder: Path) -> list[Instrument]:
    """The recorded symbols of a venue as instruments, in the order given."""
    known = {item.symbol: item for item in _listed(folder) if item.venue == venue}
    return [known.get(symbol) or _guessed(venue, symbol) for symbol in symbols]


def _guessed(venue: str, symbol: str) -> Instrument:
    for mark in "-/":
        base, found, quote = symbol.partition(mark)
        if found:
            return Instrument(venue, symbol, base, quote, FINEST, FINEST)
    quote = next((code for code in BINANCE_QUOTES if symbol.endswith(code)), "")
    return Instrument(venue, symbol, symbol.removesuffix(quote) if quote else symbol, quote, FINEST, FINEST)


def _listed(folder: Path) -> Iterator[Instrument]:
    for path in sorted(folder.rglob("*.instruments*")):
        with open_lines(path) as file:
            for line in file:
                address, found, answer = line.partition(b" -> ")
                if found:
                    yield from _parse(address.decode(), answer.partition(b": ")[2])


class _BinanceSymbol(msgspec.Struct):
    symbol: str
    baseAsset: str
    quoteAsset: str
    filters: list[dict[str, Any]]


class _BinanceInfo(msgspec.Struct):
    symbols: list[_BinanceSymbol]


class _CoinbaseProduct(msgspec.Struct):
    id: str
    base_currency: str
    quote_currency: str
    quote_increment: Decimal
    base_increment: Decimal


class _KrakenPair(msgspec.Struct):
    pair_decimals: int
    lot_decimals: int
    wsname: str = ""


class _KrakenPairs(msgspec.Struct):
    result: dict[str, _KrakenPair]


def _parse(address: str, answer: bytes) -> Iterator[Instrument]:
    if address.endswith("api.binance.com/api/v3/exchangeInfo"):
        for row in msgspec.json.decode(answer, type=_BinanceInfo).symbols:
            tick, step = _filter(row, "PRICE_FILTER", "tickSize"), _filter(row, "LOT_SIZE", "stepSize")
            yield Instrument("binance", row.symbol, row.baseAsset, row.quoteAsset, tick, step)
    elif address.endswith("coinbase.com/products"):
        for product in msgspec.json.decode(answer, type=list[_CoinbaseProduct]):
            base, quote = product.base_currency, product.quote_currency
            yield Instrument("coinbase", product.id, base, quote, product.quote_increment, product.base_increment)
    elif address.endswith("api.kraken.com/0/public/AssetPairs"):
        for pair in msgspec.json.decode(answer, type=_KrakenPairs).result.values():
            symbol = v2_symbol(pair.wsname)
            base, _, quote = symbol.partition("/")
            tick, step = Decimal(1).scaleb(-pair.pair_decimals), Decimal(1).scaleb(-pair.lot_decimals)
            yield Instrument("kraken", symbol, base, quote, tick, step)


def _filter(symbol: _BinanceSymbol, kind: str, name: str) -> Decimal:
    found = next((item[name] for item in symbol.filters if item["filterType"] == kind), FINEST)
    return Decimal(str(found)).normalize()
