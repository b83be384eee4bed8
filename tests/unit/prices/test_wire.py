from decimal import Decimal

from cryptovault.prices.v1.price_pb2 import Price, Source

from services.prices.adapters.wire import aged, to_price
from services.prices.domain.consolidation import Vote, consolidate


def vote(venue, price, **more):
    return Vote(venue, Decimal(price), 0.25, 5.0, digits=2, **more)


def test_a_price_is_written_in_plain_decimals_with_its_sources():
    price = consolidate([vote("a", "0.00001305", event_time=1_500_000_000), vote("b", "0.00001307")])
    message = to_price("X-Y", price, seq=3, simulated=True, now=2.0)
    assert (message.price, message.bid, message.change_24h) == ("0.00001306", "", "")
    assert [(item.venue, item.price, item.age_ms) for item in message.sources] == [
        ("a", "0.00001305", 250),
        ("b", "0.00001307", 250),
    ]
    assert message.event_time.ToNanoseconds() == 1_500_000_000
    assert message.published_at.ToMilliseconds() == 2000


def test_an_unknown_event_time_stays_unset():
    message = to_price("X-Y", consolidate([vote("a", "1")]), seq=1, simulated=False, now=2.0)
    assert not message.HasField("event_time")


def published(quality=Price.GOOD):
    price = Price(quality=quality, max_age_ms=300, sources=[Source(venue="a", age_ms=300), Source(venue="b", age_ms=1)])
    price.published_at.FromMilliseconds(10_000)
    return price


def test_sources_go_on_aging_until_the_answer():
    answer = aged(published(), 12.5, ingested=True)
    assert (answer.max_age_ms, [source.age_ms for source in answer.sources]) == (2800, [2800, 2501])
    assert answer.quality == Price.GOOD
    assert published().max_age_ms == 300


def test_a_clock_that_is_behind_makes_nothing_younger():
    assert aged(published(), 9.0, ingested=True).max_age_ms == 300


def test_without_an_ingester_every_price_is_stale():
    assert aged(published(), 12.5, ingested=False).quality == Price.STALE
