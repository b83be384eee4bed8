"""The invented market: reproducible, and shaped like a real one."""

import math
import random
import statistics
from collections import Counter, defaultdict
from itertools import islice, pairwise

import pytest

from simulator.generator import GeneratorSource
from simulator.generator.simulation import Simulation
from simulator.generator.universe import assets
from simulator.generator.walk import Walk
from simulator.market import Quote, Trade

START_NS = 1_700_000_030_000_000_000
SECOND_NS = 1_000_000_000


class Clock:
    def __init__(self) -> None:
        self.now_ns = START_NS

    def __call__(self) -> int:
        return self.now_ns


def simulation(seed=1, rate=1.0, count=20):
    return Simulation(assets(count), seed=seed, rate=rate, start_ns=START_NS)


def run(source, clock, seconds):
    events = []
    for _ in range(int(seconds * 10)):
        clock.now_ns += SECOND_NS // 10
        events.extend(source.due())
    return events


@pytest.fixture(scope="module")
def minute():
    """Every event of the first minute."""
    return list(simulation().advance(START_NS + 60 * SECOND_NS))


@pytest.fixture(scope="module")
def hours():
    """Log returns of each asset over two hours, a second each."""
    walk, path = Walk(assets(20), random.Random(5)), []
    for _ in range(7200):
        walk.step(1.0)
        path.append(list(map(math.log, walk.prices)))
    return [[b - a for a, b in pairwise(column)] for column in zip(*path, strict=True)]


def test_the_same_seed_gives_the_same_events_however_time_is_cut(minute):
    again, cut = simulation(), []
    for step in range(1, 1001):
        cut.extend(again.advance(START_NS + step * 60_000_000))
    assert cut == minute


def test_another_seed_gives_another_market(minute):
    assert list(islice(simulation(seed=2).advance(START_NS + SECOND_NS), 500)) != minute[:500]


def test_every_market_quotes_and_trades_within_the_first_second():
    events = list(simulation().advance(START_NS + SECOND_NS))
    kinds = Counter((event.venue, event.symbol, type(event)) for event in events)
    markets = {(venue, symbol) for venue, symbol, _ in kinds}
    assert len(markets) == 19 + 20 + 20
    assert all(kinds[*market, Quote] and kinds[*market, Trade] for market in markets)


def test_bids_stay_below_asks_and_everything_lies_on_ticks(minute):
    ticks = {(book.venue.name, book.instrument.symbol): book.instrument for book in simulation().books}
    for quote in (event for event in minute if isinstance(event, Quote)):
        instrument = ticks[quote.venue, quote.symbol]
        assert 0 < quote.bid < quote.ask
        assert quote.bid % instrument.tick == 0 == quote.ask % instrument.tick
        assert quote.bid_size % instrument.step == 0 < quote.bid_size


def test_trades_happen_at_the_quote_with_consecutive_ids(minute):
    quotes, ids = {}, defaultdict(list)
    for event in minute:
        if isinstance(event, Quote):
            quotes[event.venue, event.symbol] = event
        else:
            quote = quotes[event.venue, event.symbol]
            assert event.price == (quote.ask if event.side == "buy" else quote.bid)
            ids[event.venue, event.symbol].append(event.trade_id)
    assert all(found == list(range(found[0], found[0] + len(found))) for found in ids.values())


def test_the_default_rate_is_modest_and_the_factor_multiplies_it(minute):
    triple = sum(1 for _ in simulation(rate=3.0).advance(START_NS + 20 * SECOND_NS)) / 20
    assert 120 < len(minute) / 60 < 220
    assert triple == pytest.approx(3 * len(minute) / 60, rel=0.15)


def test_venues_differ_by_a_little_noise_and_send_with_a_lag(minute):
    latest, apart = {}, []
    for event in minute:
        if isinstance(event, Quote) and event.symbol in ("BTC-USD", "BTC/USD"):
            latest[event.venue] = float(event.bid + event.ask) / 2
            if len(latest) == 2:
                apart.append(abs(math.log(latest["coinbase"] / latest["kraken"])))
    assert 0 < statistics.median(apart) < 0.001


def test_binance_quotes_in_tether_whose_rate_stays_near_a_dollar(minute):
    tether = [float(event.price) for event in minute if isinstance(event, Trade) and event.symbol == "USDT-USD"]
    assert all(0.998 < price < 1.002 for price in tether)
    assert "USDTUSDT" not in {event.symbol for event in minute}


def test_assets_move_together(hours):
    bitcoin, ether, cardano = hours[0], hours[1], hours[6]
    assert statistics.correlation(bitcoin, ether) > 0.3
    assert statistics.correlation(bitcoin, cardano) > 0.3


def test_returns_have_the_fat_tails_of_jumps(hours):
    ether = hours[1]
    deviation = statistics.pstdev(ether)
    kurtosis = statistics.fmean((value / deviation) ** 4 for value in ether)
    assert kurtosis > 5  # a normal distribution has 3
    assert max(map(abs, ether)) > 6 * deviation


def test_volatility_is_of_the_order_of_a_real_market(hours):
    annual = statistics.pstdev(hours[0]) * math.sqrt(365 * 86_400)
    assert 0.2 < annual < 1.5


def test_many_symbols_are_made_up_for_load():
    listed = assets(200)
    assert len({asset.base for asset in listed}) == 200
    assert listed[-1].base == "SYN200"
    assert all(asset.price > 0 and asset.rate > 0 for asset in listed)


def test_history_ends_where_the_live_market_begins():
    clock = Clock()
    source = GeneratorSource(seed=1, symbols=3, rate=1.0, clock_ns=clock)
    run(source, clock, 1)
    bars = source.bars("coinbase", "BTC-USD", 0, 1 << 40)
    minute = START_NS // SECOND_NS // 60 * 60
    assert [bar.open_time for bar in bars[-2:]] == [minute - 60, minute]
    assert bars[-1].open == pytest.approx(bars[-2].close, rel=0.002)
    assert all(b.open_time - a.open_time == 60 for a, b in pairwise(bars))
    assert all(bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in bars)


def test_live_candles_are_made_of_the_trades():
    clock = Clock()
    source = GeneratorSource(seed=1, symbols=3, rate=1.0, clock_ns=clock)
    trades = [event for event in run(source, clock, 8) if isinstance(event, Trade) and event.symbol == "BTC-USD"]
    (bar,) = source.bars("coinbase", "BTC-USD", START_NS // SECOND_NS // 60 * 60, 1 << 40)
    prices = [float(trade.price) for trade in trades]
    assert (bar.open, bar.high, bar.low, bar.close) == (prices[0], max(prices), min(prices), prices[-1])
    assert (bar.trades, bar.volume) == (len(trades), pytest.approx(float(sum(trade.size for trade in trades))))


def test_day_statistics_agree_with_the_bars_of_the_day():
    clock = Clock()
    source = GeneratorSource(seed=1, symbols=3, rate=1.0, clock_ns=clock)
    run(source, clock, 5)
    minute = START_NS // SECOND_NS // 60 * 60
    bars, stats = source.bars("kraken", "ETH/USD", minute - 86_400, 1 << 40), source.day_stats("kraken", "ETH/USD")
    assert (stats.open, stats.last) == (bars[0].open, bars[-1].close)
    assert (stats.high, stats.low) == (max(bar.high for bar in bars), min(bar.low for bar in bars))
    assert stats.volume == pytest.approx(sum(bar.volume for bar in bars))


def test_a_machine_that_slept_is_not_flooded_with_the_events_it_missed():
    clock = Clock()
    source = GeneratorSource(seed=1, symbols=3, rate=1.0, clock_ns=clock)
    clock.now_ns += 3600 * SECOND_NS
    assert not list(source.due())
    assert len(run(source, clock, 2)) > 20
