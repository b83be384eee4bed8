"""A client's own choice of pace: what is granted, what is shared, and what happens when it changes."""

import pytest

from services.realtime.domain import fanout, subscriptions
from services.realtime.domain.channels import parse
from services.realtime.domain.payloads import CandleView
from services.realtime.domain.streams import SLOTS, Rates, granted
from tests.unit.realtime.helpers import NOW, build_hub, join, tick

BTC = "prices:BTC-USD"


class Story:
    """A hub whose prices rise by one each eighth of a second."""

    def __init__(self, clock):
        self.clock = clock
        self.hub = build_hub(clock)
        self.price = 0

    def joins(self, id, hz=None, channel=BTC):
        socket, outlet = join(self.hub, id=id)
        self.chooses(socket, hz, channel)
        return socket, outlet

    def chooses(self, socket, hz, channel=BTC):
        self.hub.join(socket, self.hub.subscribe(socket, [channel], hz).subscribed)

    def rises(self, symbol="BTC-USD"):
        self.price += 1
        self.hub.market.tick(tick(symbol, str(self.price), seq=self.price, published_at=NOW + self.price))

    def passes(self, seconds):
        for _ in range(round(seconds * 8)):
            self.rises()
            self.clock.advance(0.125)
            self.hub.flush()


def prices(outlet, symbol="BTC-USD"):
    updates = outlet.events("price_update")
    return [int(update["prices"][symbol]["price"]) for update in updates if symbol in update["prices"]]


@pytest.fixture
def story(clock):
    return Story(clock)


@pytest.mark.parametrize(
    ("wish", "pace"), [(2, 2), (3.9, 2), (5, 5), (7, 7), (6.9, 5), (1000, 7), (0.2, 0.2), (0.001, 0.2), (10**400, 7)]
)
def test_the_pace_granted_is_the_highest_of_the_ladder_not_above_the_wish_nor_the_channels_own(wish, pace):
    assert granted(wish, most=7) == pace


def test_a_channel_slower_than_the_ladder_has_its_own_pace_only():
    assert granted(5, most=0.1) == granted(0.01, most=0.1) == 0.1


@pytest.mark.parametrize("name", ["notifications", "system"])
def test_where_nothing_is_conflated_a_wish_changes_nothing(name):
    assert Rates().stream(parse(name), 2) == Rates().stream(parse(name))


def test_the_answer_names_the_paces_of_channels_that_have_one(clock):
    socket, _ = join(hub := build_hub(clock))
    assert hub.subscribe(socket, ["prices", BTC, "system", "nonsense"], 9).hz == {"prices": 5.0, BTC: 5.0}


def test_a_client_is_sent_as_many_updates_as_it_wished_for_and_the_last_value(story):
    _, calm = story.joins("calm", hz=2)
    _, eager = story.joins("eager")
    story.passes(3)
    assert prices(eager) == list(range(1, 25))
    assert prices(calm) == [1, 4, 8, 12, 16, 20, 24]


def test_clients_with_the_same_pace_share_one_frame(story):
    outlets = [story.joins(f"s{hz}", hz)[1] for hz in (2, 2.5, 4)]
    story.passes(0.125)
    assert len({id(outlet.packets[-1]) for outlet in outlets}) == 1


def test_the_subscribers_of_a_large_channel_are_written_to_in_turn_each_with_the_latest_price(story, monkeypatch):
    monkeypatch.setattr(subscriptions, "SLICE", 2)
    outlets = [story.joins(f"s{number}")[1] for number in range(5)]
    for _ in range(3):
        story.rises()
        story.hub.flush()
    assert [prices(outlet) for outlet in outlets] == [[1], [1], [2], [2], [3]]
    story.passes(1)
    assert {prices(outlet)[-1] for outlet in outlets[:2]} <= {9, 10, 11}


def test_room_that_somebody_leaves_is_taken_by_the_next(story, monkeypatch):
    monkeypatch.setattr(subscriptions, "SLICE", 2)
    first, *others = [story.joins(f"s{number}")[0] for number in range(5)]
    story.hub.disconnect(first)
    newcomer, _ = story.joins("new")
    assert [socket.channels[BTC].slot for socket in [*others, newcomer]] == [0, 1, 1, 2, 0]


def test_whom_a_channel_is_granted_has_a_place_before_it_is_sent_anything(story, monkeypatch):
    monkeypatch.setattr(subscriptions, "SLICE", 2)
    sockets = [join(story.hub, id=f"s{number}")[0] for number in range(5)]
    for socket in sockets:
        story.hub.subscribe(socket, [BTC])
    assert [socket.channels[BTC].slot for socket in sockets] == [0, 0, 1, 1, 2]


def test_who_changes_the_pace_leaves_room_at_the_pace_before(story, monkeypatch):
    monkeypatch.setattr(subscriptions, "SLICE", 1)
    first, second = (join(story.hub, id=id)[0] for id in ("first", "second"))
    story.hub.subscribe(first, [BTC])
    story.hub.subscribe(first, [BTC], 2)
    story.hub.subscribe(second, [BTC])
    assert second.channels[BTC].slot == 0


def test_who_subscribes_again_stays_in_its_place(story, monkeypatch):
    monkeypatch.setattr(subscriptions, "SLICE", 1)
    sockets = [story.joins(f"s{number}")[0] for number in range(3)]
    story.chooses(sockets[2], None)
    assert sockets[2].channels[BTC].slot == 2


def test_when_all_slots_are_full_one_takes_more(story, monkeypatch):
    monkeypatch.setattr(subscriptions, "SLICE", 1)
    sockets = [story.joins(f"s{number}")[0] for number in range(SLOTS + 2)]
    assert {socket.channels[BTC].slot for socket in sockets} == {*range(SLOTS)}


def test_a_newcomer_has_what_the_others_of_its_pace_have_been_sent(story):
    story.joins("old", hz=1)
    story.passes(0.875)
    _, newcomer = story.joins("new", hz=1)
    story.passes(0.125)
    assert prices(newcomer) == [1, 8]


@pytest.mark.parametrize(("first", "then"), [(None, 1), (1, None), (2, 5)])
@pytest.mark.parametrize("others", [[], [None, 1, 2, 5]])
@pytest.mark.parametrize("passed", [0.375, 0.5, 1.0])
def test_who_changes_pace_has_the_latest_value_at_once_and_gets_none_twice(story, first, then, others, passed):
    for hz in others:
        story.joins(f"other-{hz}", hz)
    socket, outlet = story.joins("mover", first)
    story.passes(passed)
    story.rises()  # not flushed yet
    story.chooses(socket, then)
    assert prices(outlet)[-1] == story.price
    story.passes(3)
    assert prices(outlet) == sorted(set(prices(outlet)))
    assert story.price - prices(outlet)[-1] < 8


def test_who_changes_pace_is_sent_by_the_others_first_update_only_what_is_new(story):
    story.joins("other", hz=1, channel="prices")
    socket, outlet = story.joins("mover", channel="prices")
    story.passes(0.25)
    story.rises("ETH-USD")
    story.chooses(socket, 1, "prices")
    story.clock.advance(1)
    story.hub.flush()
    assert (prices(outlet), prices(outlet, "ETH-USD")) == ([1, 2], [3])


def test_who_changes_pace_again_and_leaves_is_forgotten(story):
    for hz in (1, 2):
        story.joins(f"other-{hz}", hz)
    socket, _ = story.joins("mover")
    story.passes(0.25)
    for hz in (1, 2, 1):
        story.chooses(socket, hz)
    story.hub.disconnect(socket)
    assert len(story.hub._subscriptions.movers) == 0
    assert story.hub.registry.member_counts() == {BTC: 2}


def test_who_changes_pace_during_a_fan_out_gets_the_values_in_their_order(story, monkeypatch):
    monkeypatch.setattr(fanout, "SLICE", 1)
    members = [story.joins(f"s{number}") for number in range(3)]
    story.hub.fanout.on_waiting(lambda: None)
    story.passes(0.125)
    socket, outlet = next((one, out) for one, out in members if not out.packets)
    story.rises()
    story.chooses(socket, 1)
    while story.hub.fanout.work():
        pass
    assert prices(outlet) == [1, 2]


def test_a_slow_client_that_changes_pace_gets_the_last_value_when_it_has_room(story):
    socket, outlet = story.joins("slow")
    story.hub.hold(socket)
    story.passes(0.5)
    story.rises()
    story.chooses(socket, 2)
    story.passes(0.625)
    story.hub.release(socket)
    assert prices(outlet) == [9]


def test_a_broadcast_reaches_a_channels_subscribers_at_every_pace_and_they_count_as_one_channel(story):
    outlets = [story.joins(f"s{hz}", hz)[1] for hz in (None, 1, 2)]
    story.hub.broadcast(BTC, "note", b"{}")
    assert [outlet.events("note") for outlet in outlets] == [[{}]] * 3
    assert story.hub.registry.member_counts() == {BTC: 3}


def test_who_leaves_a_channel_is_sent_nothing_whatever_the_pace_was(story):
    socket, outlet = story.joins("s", 2)
    story.hub.subscribe(socket, [BTC], 5)
    story.hub.unsubscribe(socket, [BTC])
    story.passes(1)
    assert (outlet.packets, story.hub.registry.member_counts(), story.hub.market.offered) == ([], {}, 0)


def test_candles_are_sent_at_the_chosen_pace_too(story):
    socket, outlet = story.joins("s", 0.5, "candles:BTC-USD:1m")
    for minute in range(14):
        story.hub.market.candle("BTC-USD", "1m", CandleView(minute, "1", "1", "1", "1", "1", 1, False, 0, True))
        story.passes(0.25)
    assert [update["candle"]["open_time"] for update in outlet.events("candle_update")] == [*range(8)]
    story.chooses(socket, None, "candles:BTC-USD:1m")
    assert outlet.events("candle_update")[-1]["candle"]["open_time"] == 13


def test_the_wait_that_a_client_chose_is_not_measured_as_delay(story):
    story.joins("calm", hz=1)
    story.passes(3)
    assert story.hub.meter.delay(0.99) == 0
