import msgspec
import pytest

from services.realtime.domain.channels import parse
from services.realtime.domain.market import Market
from services.realtime.domain.payloads import CandleView
from services.realtime.domain.streams import Rates
from tests.unit.realtime.helpers import NOW, tick


@pytest.fixture
def market(clock):
    return Market(Rates(), clock)


def prices(packet):
    return msgspec.json.decode(packet.payload[2:])[1]


def stream(name):
    return Rates().stream(parse(name))


def candle(open_time, close="2", closed=False):
    return CandleView(open_time, "1", "3", "1", close, "10", 4, closed, 0, True)


def test_an_older_tick_changes_nothing(market):
    market.tick(tick(price="2", seq=2, published_at=NOW + 2))
    market.tick(tick(price="1", seq=1, published_at=NOW + 1))
    market.open(stream("prices"))
    assert prices(market.snapshot(stream("prices"), NOW))["prices"]["BTC-USD"]["price"] == "2"


def test_a_sequence_that_begins_anew_is_accepted_when_it_was_published_later(market):
    market.tick(tick(price="1", seq=900, published_at=NOW))
    market.tick(tick(price="2", seq=1, published_at=NOW + 1))
    market.open(stream("prices:BTC-USD"))
    assert prices(market.snapshot(stream("prices:BTC-USD"), NOW))["prices"]["BTC-USD"]["price"] == "2"


def test_a_symbols_channel_carries_that_symbol_only(market):
    market.tick(tick("BTC-USD"))
    market.tick(tick("ETH-USD"))
    market.open(stream("prices:ETH-USD"))
    assert list(prices(market.snapshot(stream("prices:ETH-USD"), NOW))["prices"]) == ["ETH-USD"]


def test_an_update_has_exactly_the_fields_of_the_contract(market):
    market.tick(tick())
    market.open(stream("prices"))
    update = prices(market.snapshot(stream("prices"), NOW + 5))
    assert set(update) == {"prices", "published_at", "sent_at"}
    assert set(update["prices"]["BTC-USD"]) == {"price", "bid", "ask", "change_24h", "quality", "seq", "ts"}
    assert (update["published_at"], update["sent_at"]) == (NOW, NOW + 5)


def test_published_at_is_that_of_the_newest_tick_in_the_message(market, clock):
    market.open(stream("prices"))
    market.tick(tick("BTC-USD", published_at=NOW + 7))
    market.tick(tick("ETH-USD", published_at=NOW + 3))
    (dispatch,) = market.due(clock.now, NOW + 9)
    assert prices(dispatch.packets[0])["published_at"] == NOW + 7
    assert dispatch.newest == NOW + 7


@pytest.mark.parametrize("name", ["prices", "prices:BTC-USD", "candles:BTC-USD:1m", "system", "notifications"])
def test_there_is_no_snapshot_of_nothing(market, name):
    market.open(stream(name))
    assert market.snapshot(stream(name), NOW) is None


def test_a_candle_channel_begins_with_the_latest_candle(market):
    market.candle("BTC-USD", "1m", candle(60_000))
    market.candle("BTC-USD", "1m", candle(120_000))
    market.candle("BTC-USD", "1m", candle(60_000, close="2.5", closed=True))  # a late correction
    market.open(stream("candles:BTC-USD:1m"))
    update = prices(market.snapshot(stream("candles:BTC-USD:1m"), NOW))
    assert (update["symbol"], update["interval"], update["candle"]["open_time"]) == ("BTC-USD", "1m", 120_000)


def test_the_end_of_one_candle_and_the_start_of_the_next_both_arrive_in_order(market, clock):
    market.open(stream("candles:BTC-USD:1m"))
    market.candle("BTC-USD", "1m", candle(120_000))
    market.candle("BTC-USD", "1m", candle(60_000, closed=True))
    (dispatch,) = market.due(clock.now, NOW)
    assert [prices(packet)["candle"]["open_time"] for packet in dispatch.packets] == [60_000, 120_000]


def test_any_symbol_may_exist_until_some_are_known(market):
    assert market.knows("FOO-BAR")
    market.learn(["BTC-USD"])
    assert market.knows("BTC-USD")
    assert not market.knows("FOO-BAR")
