"""The ladder of slow sockets, as a hub's clients see it."""

from tests.unit.realtime.helpers import NOW, build_hub, join, tick


class Story:
    """A hub with one socket on `prices`, time that passes, and prices that rise by one every 200 ms."""

    def __init__(self, clock):
        self.clock = clock
        self.hub = build_hub(clock)
        self.socket, self.outlet = join(self.hub, "prices")
        self.price = 0

    def passes(self, seconds):
        for step in range(round(seconds * 5)):
            self.price += 1
            self.hub.market.tick(tick(price=str(self.price), seq=self.price, published_at=NOW + self.price))
            self.clock.advance(0.2)
            self.hub.flush()
            if step % 2:
                self.hub.tend()

    def prices(self):
        updates = self.outlet.events("price_update")
        self.outlet.packets.clear()
        return [int(update["prices"]["BTC-USD"]["price"]) for update in updates]


def test_a_socket_that_keeps_up_gets_everything(clock):
    story = Story(clock)
    story.passes(2)
    assert story.prices() == list(range(1, 11))


def test_a_socket_that_falls_behind_gets_only_the_last_value_once_it_has_room(clock):
    story = Story(clock)
    story.hub.hold(story.socket)
    story.passes(1)
    assert story.prices() == []
    story.hub.release(story.socket)
    story.passes(0.4)
    assert story.prices() == [5, 6, 7]
    assert (story.hub.meter.slow_conflated, story.hub.meter.slow_lowered) == (1, 0)


def test_a_socket_that_falls_behind_again_soon_gets_one_update_a_second(clock):
    story = Story(clock)
    for _ in range(2):
        story.hub.hold(story.socket)
        story.hub.release(story.socket)
    story.passes(6)
    assert 5 <= len(story.prices()) <= 7
    assert story.hub.meter.slow_lowered == 1


def test_a_socket_that_stays_behind_for_long_gets_the_lower_rate_at_last(clock):
    story = Story(clock)
    story.hub.hold(story.socket)
    story.passes(4)
    story.hub.release(story.socket)
    story.passes(4)
    assert 4 <= len(story.prices()) <= 6


def test_a_socket_that_has_kept_up_for_a_while_is_restored(clock):
    story = Story(clock)
    for _ in range(2):
        story.hub.hold(story.socket)
        story.hub.release(story.socket)
    story.passes(12)
    story.prices()
    story.passes(2)
    assert len(story.prices()) == 10


def test_a_socket_that_takes_nothing_for_ten_seconds_is_cut_off(clock):
    story = Story(clock)
    story.hub.hold(story.socket)
    story.passes(9)
    assert not story.outlet.closed
    story.passes(2)
    assert story.outlet.closed


def test_what_waits_for_a_slow_socket_ends_with_its_subscription(clock):
    story = Story(clock)
    story.hub.hold(story.socket)
    story.passes(1)
    story.hub.unsubscribe(story.socket, ["prices"])
    story.hub.release(story.socket)
    assert story.prices() == []


def test_other_sockets_notice_nothing(clock):
    story = Story(clock)
    _, other = join(story.hub, "prices", id="other")
    story.hub.hold(story.socket)
    story.passes(3)
    assert len(other.events("price_update")) == 15


def test_a_slow_socket_that_leaves_is_forgotten(clock):
    story = Story(clock)
    story.hub.hold(story.socket)
    story.hub.disconnect(story.socket)
    assert len(story.hub._laggards) == 0
