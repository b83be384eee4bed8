import random

from services.realtime.domain.payloads import UserEvent
from services.realtime.domain.registry import Identity, Socket
from tests.unit.realtime.helpers import NOW, FakeOutlet, build_hub, join, tick

ANN = Identity("ann", "session-1", epoch=1, expires_at=NOW / 1000 + 600)


def test_a_newcomer_between_two_flushes_gets_each_change_once(clock):
    hub = build_hub(clock)
    join(hub, "prices", id="old")
    hub.market.tick(tick(price="1", seq=1))
    hub.flush()
    hub.market.tick(tick(price="2", seq=2, published_at=NOW + 1))
    _, newcomer = join(hub, "prices", id="new")
    clock.advance(1)
    hub.flush()
    assert [update["prices"]["BTC-USD"]["price"] for update in newcomer.events("price_update")] == ["1", "2"]


def test_all_subscribers_are_handed_the_same_packet(clock):
    hub = build_hub(clock)
    outlets = [join(hub, "prices", id=f"s{number}")[1] for number in range(3)]
    hub.market.tick(tick())
    hub.flush()
    assert len({id(packet) for outlet in outlets for packet in outlet.packets}) == 1
    assert hub.meter.messages_sent == 3


def test_a_subscription_that_was_ended_before_it_began_sends_nothing(clock):
    hub = build_hub(clock)
    hub.market.tick(tick())
    socket = Socket("s1", FakeOutlet())
    hub.connect(socket, None)
    subscribed = hub.subscribe(socket, ["prices"]).subscribed
    hub.unsubscribe(socket, ["prices"])
    hub.join(socket, subscribed)
    assert socket.outlet.packets == []
    assert hub.registry.member_counts() == {}


def test_subscribing_twice_is_once(clock):
    hub = build_hub(clock)
    hub.market.tick(tick())
    socket, outlet = join(hub, "prices", "prices")
    hub.join(socket, hub.subscribe(socket, ["prices"]).subscribed)
    assert len(outlet.events("price_update")) == 1


def test_a_socket_has_a_limited_number_of_subscriptions(clock):
    hub = build_hub(clock, max_subscriptions=2)
    socket, _ = join(hub, "prices")
    answer = hub.subscribe(socket, ["prices", "system", "prices:BTC-USD"])
    assert answer.subscribed == ["prices", "system"]
    assert [item.channel for item in answer.rejected] == ["prices:BTC-USD"]
    assert "at most 2" in answer.rejected[0].reason


def test_an_unknown_symbol_is_rejected_by_name(clock):
    hub = build_hub(clock)
    hub.market.learn(["BTC-USD"])
    socket, _ = join(hub)
    (rejection,) = hub.subscribe(socket, ["prices:DOGE-USD"]).rejected
    assert "DOGE-USD" in rejection.reason


def test_a_users_event_arrives_by_name_and_as_notification_where_subscribed(clock):
    hub = build_hub(clock)
    _, listening = join(hub, "notifications", id="s1", identity=ANN)
    _, silent = join(hub, id="s2", identity=ANN)
    _, stranger = join(hub, id="s3")
    hub.deliver(UserEvent(7, "ann", "alert", b'{"x":1}', NOW))
    assert silent.events() == [("alert", {"x": 1})]
    notification = {"id": 7, "kind": "alert", "data": {"x": 1}, "created_at": NOW}
    assert listening.events() == [("alert", {"x": 1}), ("notification", notification)]
    assert stranger.events() == []


def test_a_stream_that_begins_anew_is_followed_from_its_start(clock):
    hub = build_hub(clock)
    _, outlet = join(hub, identity=ANN)
    hub.begin(5000)
    hub.deliver(UserEvent(5001, "ann", "alert", b'{"x":1}', NOW))
    hub.begin(0)
    hub.deliver(UserEvent(1, "ann", "alert", b'{"x":2}', NOW))
    assert outlet.events("alert") == [{"x": 1}, {"x": 2}]


def test_an_event_called_notification_has_one_form_and_comes_once(clock):
    hub = build_hub(clock)
    _, listening = join(hub, "notifications", id="s1", identity=ANN)
    _, silent = join(hub, id="s2", identity=ANN)
    hub.deliver(UserEvent(8, "ann", "notification", b'{"message":"filled"}', NOW))
    expected = {"id": 8, "kind": "notification", "data": {"message": "filled"}, "created_at": NOW}
    assert listening.events() == silent.events() == [("notification", expected)]


def test_a_revoked_session_is_disconnected_and_others_stay(clock):
    hub = build_hub(clock)
    _, gone = join(hub, "notifications", id="s1", identity=ANN)
    _, other = join(hub, id="s2", identity=Identity("ann", "session-2", 1, ANN.expires_at))
    hub.revoke("ann", "session-1", 0)
    assert gone.disconnected
    assert gone.events("session_ended") == [{"reason": "revoked", "channels": ["notifications"]}]
    assert not other.disconnected


def test_a_new_epoch_disconnects_only_sessions_from_before_it(clock):
    hub = build_hub(clock)
    _, old = join(hub, id="s1", identity=ANN)
    _, new = join(hub, id="s2", identity=Identity("ann", "session-2", 2, ANN.expires_at))
    hub.revoke("ann", "", 2)
    assert (old.disconnected, new.disconnected) == (True, False)


def test_an_expiring_token_is_announced_and_then_ends_the_users_channels_only(clock):
    hub = build_hub(clock)
    socket, outlet = join(hub, "system", "notifications", identity=ANN)
    clock.advance(541)
    hub.expire()
    assert outlet.events("token_expiring") == [{"expires_at": ANN.expires_at * 1000}]
    clock.advance(60)
    hub.expire()
    assert outlet.events("session_ended") == [{"reason": "expired", "channels": ["notifications"]}]
    assert list(socket.channels) == ["system"]
    assert not outlet.disconnected


def test_a_token_that_ends_soon_is_announced_at_once_and_once(clock):
    hub = build_hub(clock)
    _, outlet = join(hub, identity=Identity("ann", "session-1", 1, NOW / 1000 + 30))
    for _ in range(2):
        hub.expire()
        clock.advance(10)
    assert outlet.events() == [("token_expiring", {"expires_at": NOW + 30_000})]


def test_a_socket_that_renews_often_waits_once_and_one_that_leaves_not_at_all(clock):
    hub = build_hub(clock)
    socket, _ = join(hub, identity=ANN)
    for seconds in range(5):
        hub.authenticate(socket, Identity("ann", "session-1", 1, ANN.expires_at + seconds))
    assert len(hub._expiries) == 1
    hub.disconnect(socket)
    assert len(hub._expiries) == 0


def test_a_renewed_token_is_not_ended_by_the_old_ones_expiry(clock):
    hub = build_hub(clock)
    socket, outlet = join(hub, "notifications", identity=ANN)
    hub.authenticate(socket, Identity("ann", "session-1", 1, ANN.expires_at + 600))
    clock.advance(700)
    hub.expire()
    assert outlet.events() == []
    assert list(socket.channels) == ["notifications"]


def test_each_client_is_told_a_delay_of_its_own(clock):
    hub = build_hub(clock)
    sockets, outlets = zip(*(join(hub, id=f"s{number}") for number in range(5)), strict=True)
    hub.suggest_reconnect(sockets, 2.0, random.Random(1))
    delays = [outlet.events("system")[0]["delay_ms"] for outlet in outlets]
    assert len(set(delays)) == 5
    assert all(0 <= delay <= 2000 for delay in delays)


def test_the_delay_from_publication_to_write_is_measured(clock):
    hub = build_hub(clock)
    join(hub, "prices")
    hub.market.tick(tick(published_at=NOW - 30))
    hub.flush()
    assert hub.meter.delay(0.5) == 30
