"""Binance's public REST answers: instruments, candles, 24-hour statistics, time."""

import time
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from simulator.bars import fill_gaps, roll_up
from simulator.market import Bar, Instrument, decimals
from simulator.times import DAY, FAR_FUTURE, MINUTE, milliseconds
from simulator.venues.base import json_response

if TYPE_CHECKING:
    from simulator.venues.binance.venue import Binance

HOUR = 3_600  # seconds
INTERVALS = {f"{count}m": count * MINUTE for count in (1, 3, 5, 15, 30)}
INTERVALS |= {f"{count}h": count * HOUR for count in (1, 2, 4, 6, 8, 12)} | {"1d": DAY}
DEFAULT_LIMIT, MAXIMUM_LIMIT = 500, 1000  # candles in an answer


class _Refused(Exception):
    """A request that Binance answers with status 400, a code and a message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class BinanceRest:
    """The routes under /api/v3."""

    def __init__(self, venue: "Binance") -> None:
        self._venue = venue

    def routes(self) -> list[web.RouteDef]:
        """The REST addresses."""
        return [
            web.get("/api/v3/ping", self._ping),
            web.get("/api/v3/time", self._time),
            web.get("/api/v3/exchangeInfo", self._exchange_info),
            web.get("/api/v3/klines", self._klines),
            web.get("/api/v3/ticker/24hr", self._day_ticker),
        ]

    async def _ping(self, request: web.Request) -> web.Response:
        return json_response({})

    async def _time(self, request: web.Request) -> web.Response:
        return json_response({"serverTime": milliseconds(time.time_ns())})

    async def _exchange_info(self, request: web.Request) -> web.Response:
        try:
            chosen = self._chosen(request)
        except _Refused as error:
            return _refusal(error)
        body = {
            "timezone": "UTC",
            "serverTime": milliseconds(time.time_ns()),
            "rateLimits": [],
            "exchangeFilters": [],
            "symbols": [_symbol(instrument) for instrument in chosen],
        }
        return json_response(body)

    async def _klines(self, request: web.Request) -> web.Response:
        try:
            instrument = self._instrument(request.query.get("symbol"))
            seconds = INTERVALS.get(request.query.get("interval", ""))
            if seconds is None:
                raise _Refused(-1120, "Invalid interval.")
            start, end = _number(request, "startTime"), _number(request, "endTime")
            limit = _number(request, "limit")
        except _Refused as error:
            return _refusal(error)
        bars = self._bars(instrument, seconds, start, end)
        limit = min(DEFAULT_LIMIT if limit is None else limit, MAXIMUM_LIMIT)
        chosen = bars[:limit] if start is not None else bars[-limit:]
        return json_response([_kline(bar, seconds) for bar in chosen])

    def _bars(self, instrument: Instrument, seconds: int, start: int | None, end: int | None) -> list[Bar]:
        begin = -(-start // 1000 // seconds) * seconds if start is not None else 0
        finish = end // 1000 + 1 if end is not None else FAR_FUTURE
        bars = roll_up(self._venue.source.bars(self._venue.name, instrument.symbol, begin, finish), seconds)
        return [bar for bar in fill_gaps(bars, seconds) if begin <= bar.open_time < finish]

    async def _day_ticker(self, request: web.Request) -> web.Response:
        try:
            chosen = self._chosen(request)
        except _Refused as error:
            return _refusal(error)
        tickers = [self._ticker(instrument) for instrument in chosen]
        return json_response(tickers[0] if "symbol" in request.query else tickers)

    def _ticker(self, instrument: Instrument) -> dict[str, Any]:
        now = milliseconds(time.time_ns())
        stats = self._venue.source.day_stats(self._venue.name, instrument.symbol)
        quote, trade = self._venue.latest(instrument.symbol)
        last_id = trade.trade_id if trade and stats.trades else -1
        return {
            "symbol": instrument.symbol,
            "priceChange": f"{stats.change:.8f}",
            "priceChangePercent": f"{stats.change_percent:.3f}",
            "weightedAvgPrice": f"{stats.average:.8f}",
            "prevClosePrice": f"{stats.open:.8f}",
            "lastPrice": f"{stats.last:.8f}",
            "lastQty": f"{trade.size if trade else 0:.8f}",
            "bidPrice": f"{quote.bid if quote else 0:.8f}",
            "bidQty": f"{quote.bid_size if quote else 0:.8f}",
            "askPrice": f"{quote.ask if quote else 0:.8f}",
            "askQty": f"{quote.ask_size if quote else 0:.8f}",
            "openPrice": f"{stats.open:.8f}",
            "highPrice": f"{stats.high:.8f}",
            "lowPrice": f"{stats.low:.8f}",
            "volume": f"{stats.volume:.8f}",
            "quoteVolume": f"{stats.quote_volume:.8f}",
            "openTime": now - DAY * 1000,
            "closeTime": now,
            "firstId": last_id - stats.trades + 1 if stats.trades else -1,
            "lastId": last_id,
            "count": stats.trades,
        }

    def _chosen(self, request: web.Request) -> list[Instrument]:
        if "symbol" in request.query:
            return [self._instrument(request.query["symbol"])]
        if "symbols" in request.query:
            try:
                names = msgspec.json.decode(request.query["symbols"], type=list[str])
            except msgspec.DecodeError:
                raise _Refused(-1100, "Illegal characters found in parameter 'symbols'.") from None
            return [self._instrument(name) for name in names]
        return list(self._venue.instruments.values())

    def _instrument(self, symbol: str | None) -> Instrument:
        if not symbol:
            raise _Refused(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
        if symbol not in self._venue.instruments:
            raise _Refused(-1121, "Invalid symbol.")
        return self._venue.instruments[symbol]


def _refusal(error: _Refused) -> web.Response:
    return json_response({"code": error.code, "msg": str(error)}, status=400)


def _number(request: web.Request, name: str) -> int | None:
    text = request.query.get(name)
    if text is None:
        return None
    if not text.isdigit():
        raise _Refused(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'.")
    return int(text)


def _kline(bar: Bar, seconds: int) -> list[Any]:
    return [
        bar.open_time * 1000,
        f"{bar.open:.8f}",
        f"{bar.high:.8f}",
        f"{bar.low:.8f}",
        f"{bar.close:.8f}",
        f"{bar.volume:.8f}",
        (bar.open_time + seconds) * 1000 - 1,
        f"{bar.quote_volume:.8f}",
        bar.trades,
        f"{bar.taker_buy_volume:.8f}",
        f"{bar.taker_buy_volume * bar.close:.8f}",
        "0",
    ]


def _symbol(instrument: Instrument) -> dict[str, Any]:
    tick, step = f"{instrument.tick:.8f}", f"{instrument.step:.8f}"
    return {
        "symbol": instrument.symbol,
        "status": "TRADING",
        "baseAsset": instrument.base,
        "baseAssetPrecision": 8,
        "quoteAsset": instrument.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": decimals(instrument.step),
        "quoteCommissionPrecision": decimals(instrument.tick),
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000.00000000", "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": step, "maxQty": "9000000.00000000", "stepSize": step},
        ],
        "permissions": ["SPOT"],
    }
