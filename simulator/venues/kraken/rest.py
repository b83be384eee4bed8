"""Kraken's public REST answers: pairs, candles, time.

REST keeps Kraken's old names: BTC is XBT, DOGE is XDG, and the oldest assets carry an X, currencies a Z (XXBTZUSD).
The WebSocket v2 speaks of BTC/USD and rejects the `wsname` XBT/USD that REST reports.
"""

import email.utils
import time
from typing import TYPE_CHECKING, Any

from aiohttp import web

from simulator.bars import fill_gaps, roll_up
from simulator.market import Bar, Instrument, decimals
from simulator.times import FAR_FUTURE, MINUTE
from simulator.venues.base import json_response

if TYPE_CHECKING:
    from simulator.venues.kraken.venue import Kraken

INTERVALS = (1, 5, 15, 30, 60, 240, 1_440, 10_080, 21_600)  # minutes
MAXIMUM_BARS = 720  # in an answer
OLD_CODES = {"BTC": "XBT", "DOGE": "XDG"}
PREFIXED = frozenset({"XBT", "XDG", "ETH", "XRP", "LTC", "XLM", "XMR", "ETC", "ZEC", "REP", "MLN"})
CURRENCIES = frozenset({"USD", "EUR", "GBP", "CAD", "JPY"})
IRREGULAR_KEYS = {"DOGE/USD": "XDGUSD", "DOGE/EUR": "XDGEUR", "USDT/USD": "USDTZUSD"}


class KrakenRest:
    """The routes under /0/public."""

    def __init__(self, venue: "Kraken") -> None:
        self._venue = venue
        self._by_any_name: dict[str, Instrument] = {}
        for instrument in venue.instruments.values():
            for name in _names(instrument):
                self._by_any_name[name] = instrument

    def routes(self) -> list[web.RouteDef]:
        """The REST addresses."""
        return [
            web.get("/0/public/Time", self._time),
            web.get("/0/public/AssetPairs", self._asset_pairs),
            web.get("/0/public/OHLC", self._ohlc),
        ]

    async def _time(self, request: web.Request) -> web.Response:
        now = time.time()
        return _result({"unixtime": int(now), "rfc1123": email.utils.formatdate(now, usegmt=True)})

    async def _asset_pairs(self, request: web.Request) -> web.Response:
        asked = request.query.get("pair")
        names = asked.split(",") if asked else list(self._venue.instruments)
        chosen = [self._by_any_name.get(name) for name in names]
        if None in chosen:
            return _error("EQuery:Unknown asset pair")
        return _result({pair_key(item): _pair(item) for item in chosen if item is not None})

    async def _ohlc(self, request: web.Request) -> web.Response:
        instrument = self._by_any_name.get(request.query.get("pair", ""))
        if instrument is None:
            return _error("EQuery:Unknown asset pair")
        try:
            interval, since = int(request.query.get("interval", 1)), int(request.query.get("since", 0))
        except ValueError:
            return _error("EGeneral:Invalid arguments")
        if interval not in INTERVALS:
            return _error("EGeneral:Invalid arguments")
        seconds = interval * MINUTE
        bars = roll_up(self._venue.source.bars(self._venue.name, instrument.symbol, 0, FAR_FUTURE), seconds)
        recent = fill_gaps(bars, seconds)[-MAXIMUM_BARS:]
        chosen = [bar for bar in recent if bar.open_time > since] or recent[-1:]
        places = decimals(instrument.tick)
        last_closed = recent[-2].open_time if len(recent) > 1 else 0
        return _result({pair_key(instrument): [_row(bar, places) for bar in chosen], "last": last_closed})


def _result(result: Any) -> web.Response:
    return json_response({"error": [], "result": result})


def _error(message: str) -> web.Response:
    return json_response({"error": [message]})


def _row(bar: Bar, places: int) -> list[Any]:
    average = bar.quote_volume / bar.volume if bar.volume else 0.0
    prices = [f"{price:.{places}f}" for price in (bar.open, bar.high, bar.low, bar.close, average)]
    return [bar.open_time, *prices, f"{bar.volume:.8f}", bar.trades]


def _old(asset: str) -> str:
    return OLD_CODES.get(asset, asset)


def _asset_code(asset: str) -> str:
    old = _old(asset)
    return f"X{old}" if old in PREFIXED else f"Z{old}" if old in CURRENCIES else old


def pair_key(instrument: Instrument) -> str:
    """Kraken's own key of a pair: XXBTZUSD where both sides carry their letter, ADAUSD where one does not."""
    base, quote = _old(instrument.base), _old(instrument.quote)
    if instrument.symbol in IRREGULAR_KEYS:
        return IRREGULAR_KEYS[instrument.symbol]
    if base in PREFIXED and (quote in PREFIXED or quote in CURRENCIES):
        return _asset_code(instrument.base) + _asset_code(instrument.quote)
    return base + quote


def _names(instrument: Instrument) -> set[str]:
    base, quote = _old(instrument.base), _old(instrument.quote)
    plain = f"{instrument.base}{instrument.quote}"
    return {pair_key(instrument), base + quote, f"{base}/{quote}", instrument.symbol, plain}


def _pair(instrument: Instrument) -> dict[str, Any]:
    base, quote = _old(instrument.base), _old(instrument.quote)
    return {
        "altname": base + quote,
        "wsname": f"{base}/{quote}",
        "aclass_base": "currency",
        "base": _asset_code(instrument.base),
        "aclass_quote": "currency",
        "quote": _asset_code(instrument.quote),
        "lot": "unit",
        "cost_decimals": 5,
        "pair_decimals": decimals(instrument.tick),
        "lot_decimals": decimals(instrument.step),
        "lot_multiplier": 1,
        "tick_size": f"{instrument.tick:f}",
        "ordermin": f"{instrument.step:f}",
        "status": "online",
    }
