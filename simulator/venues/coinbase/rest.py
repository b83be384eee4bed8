"""Coinbase Exchange's public REST answers: products, candles, 24-hour statistics, time."""

import time
from typing import TYPE_CHECKING, Any

from aiohttp import web

from simulator.bars import roll_up
from simulator.market import NANOSECOND_PER_SECOND, Instrument
from simulator.times import FAR_FUTURE, MINUTE, parse_rfc3339, rfc3339
from simulator.venues.base import json_response

if TYPE_CHECKING:
    from simulator.venues.coinbase.venue import Coinbase

GRANULARITIES = (60, 300, 900, 3_600, 21_600, 86_400)  # seconds
MAXIMUM_CANDLES = 300  # in an answer
DAYS_IN_VOLUME_30DAY = 30


class CoinbaseRest:
    """The routes of the products API."""

    def __init__(self, venue: "Coinbase") -> None:
        self._venue = venue

    def routes(self) -> list[web.RouteDef]:
        """The REST addresses."""
        return [
            web.get("/products", self._products),
            web.get("/products/{id}", self._one_product),
            web.get("/products/{id}/candles", self._candles),
            web.get("/products/{id}/stats", self._stats),
            web.get("/time", self._time),
        ]

    async def _time(self, request: web.Request) -> web.Response:
        now_ns = time.time_ns()
        return json_response({"iso": rfc3339(now_ns), "epoch": now_ns // 1_000_000 / 1000})

    async def _products(self, request: web.Request) -> web.Response:
        return json_response([_product(instrument) for instrument in self._venue.instruments.values()])

    async def _one_product(self, request: web.Request) -> web.Response:
        instrument = self._instrument(request)
        return _not_found() if instrument is None else json_response(_product(instrument))

    async def _stats(self, request: web.Request) -> web.Response:
        instrument = self._instrument(request)
        if instrument is None:
            return _not_found()
        stats = self._venue.source.day_stats(self._venue.name, instrument.symbol)
        body = {name: f"{getattr(stats, name):.8f}" for name in ("open", "high", "low", "last", "volume")}
        return json_response(body | {"volume_30day": f"{stats.volume * DAYS_IN_VOLUME_30DAY:.8f}"})

    async def _candles(self, request: web.Request) -> web.Response:
        instrument = self._instrument(request)
        if instrument is None:
            return _not_found()
        try:
            granularity = int(request.query.get("granularity", MINUTE))
            start, end = _time_of(request, "start"), _time_of(request, "end")
        except ValueError as error:
            return json_response({"message": f"invalid parameter: {error}"}, status=400)
        if granularity not in GRANULARITIES:
            return json_response({"message": "Unsupported granularity"}, status=400)
        if start is None or end is None:
            start, end = 0, FAR_FUTURE
        elif (end - start) / granularity > MAXIMUM_CANDLES:
            reason = "granularity too small for the requested time range. Count of aggregations requested exceeds 300"
            return json_response({"message": reason}, status=400)
        return json_response(self._rows(instrument, granularity, start, end))

    def _rows(self, instrument: Instrument, granularity: int, start: int, end: int) -> list[list[float]]:
        first = -(-start // granularity) * granularity
        last = end // granularity * granularity
        minutes = self._venue.source.bars(self._venue.name, instrument.symbol, first, last + granularity)
        bars = roll_up(minutes, granularity)[-MAXIMUM_CANDLES:]
        return [[bar.open_time, bar.low, bar.high, bar.open, bar.close, round(bar.volume, 8)] for bar in reversed(bars)]

    def _instrument(self, request: web.Request) -> Instrument | None:
        return self._venue.instruments.get(request.match_info["id"])


def _not_found() -> web.Response:
    return json_response({"message": "NotFound"}, status=404)


def _time_of(request: web.Request, name: str) -> int | None:
    """Seconds since 1970 of a query parameter, which may be RFC 3339 or a number."""
    text = request.query.get(name)
    if text is None or text.isdigit():
        return None if text is None else int(text)
    return parse_rfc3339(text.replace(" ", "+")) // NANOSECOND_PER_SECOND


def _product(instrument: Instrument) -> dict[str, Any]:
    return {
        "id": instrument.symbol,
        "base_currency": instrument.base,
        "quote_currency": instrument.quote,
        "quote_increment": f"{instrument.tick:f}",
        "base_increment": f"{instrument.step:f}",
        "display_name": instrument.symbol,
        "min_market_funds": "1",
        "margin_enabled": False,
        "post_only": False,
        "limit_only": False,
        "cancel_only": False,
        "status": "online",
        "status_message": "",
        "trading_disabled": False,
        "fx_stablecoin": instrument.base in ("USDT", "USDC"),
        "auction_mode": False,
    }
