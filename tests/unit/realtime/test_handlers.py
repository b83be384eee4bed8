"""gRPC calls, NATS messages and statistics, without the network."""

import asyncio
import json

import pytest
from cryptovault.events.v1.events_pb2 import CandleUpdate, RoomEvent, Tick, UserEvent
from cryptovault.prices.v1.price_pb2 import Candle, Price
from cryptovault.realtime.v1 import realtime_service_pb2 as pb

from services.kit.caller import Caller
from services.kit.clock import SystemClock
from services.kit.errors import InvalidInput, PermissionDenied, Unauthenticated
from services.kit.testing import FakeBus
from services.realtime.adapters.user_events import Stored
from services.realtime.domain.registry import Identity
from services.realtime.handlers.rpc import RealtimeHandlers
from services.realtime.handlers.subjects import SubjectHandlers
from tests.unit.realtime.helpers import NOW, build_cluster, build_hub, delivery, eventually, join

ADMIN = Caller(user_id="root", scopes=frozenset({"admin"}))
ANN = Caller(user_id="ann")


class Context:
    def __init__(self, caller):
        self._caller = caller

    def invocation_metadata(self):
        return self._caller.to_metadata()


class FakeHistory:
    async def after(self, user_id, after, limit):
        event = UserEvent(user_id=user_id, event="alert", data_json=b'{"x":1}')
        return [Stored(id, event.SerializeToString()) for id in range(after + 1, after + 1 + limit)]


@pytest.fixture
def bus():
    return FakeBus()


@pytest.fixture
def hub(clock):
    return build_hub(clock)


@pytest.fixture
def rpc(bus, hub, clock):
    return RealtimeHandlers(bus, FakeHistory(), build_cluster("node-1", bus, hub, clock), clock)


async def test_a_broadcast_to_a_user_is_kept_and_answers_its_sequence(rpc, bus):
    request = pb.BroadcastToUserRequest(user_id="ann", event="alert")
    request.data.update({"price": 5, "note": "é"})
    answer = await rpc.BroadcastToUser(request, Context(ADMIN))
    (published,) = bus.published
    assert (answer.id, published.subject) == (1, "cv.user.ann")
    assert json.loads(UserEvent.FromString(published.data).data_json) == {"price": 5, "note": "é"}
    assert published.message_id


@pytest.mark.parametrize(
    ("method", "request_", "field"),
    [
        ("BroadcastToUser", pb.BroadcastToUserRequest(user_id="a.b", event="x"), "user_id"),
        ("BroadcastToUser", pb.BroadcastToUserRequest(user_id="*", event="x"), "user_id"),
        ("BroadcastToUser", pb.BroadcastToUserRequest(user_id="ann", event="connect"), "event"),
        ("BroadcastToChannel", pb.BroadcastToChannelRequest(channel="rooms", event="x"), "channel"),
        ("BroadcastToChannel", pb.BroadcastToChannelRequest(channel="prices"), "event"),
        ("BroadcastToAll", pb.BroadcastToAllRequest(event="no spaces"), "event"),
    ],
)
async def test_an_invalid_broadcast_names_the_field(rpc, bus, method, request_, field):
    with pytest.raises(InvalidInput) as raised:
        await getattr(rpc, method)(request_, Context(ADMIN))
    assert [fault.field for fault in raised.value.fields] == [field]
    assert bus.published == []


async def test_data_that_is_too_large_is_refused_by_name(rpc):
    request = pb.BroadcastToAllRequest(event="x")
    request.data.update({"text": "x" * 70_000})
    with pytest.raises(InvalidInput) as raised:
        await rpc.BroadcastToAll(request, Context(ADMIN))
    assert raised.value.fields[0].field == "data"


@pytest.mark.parametrize(("caller", "error"), [(Caller(), Unauthenticated), (ANN, PermissionDenied)])
@pytest.mark.parametrize("method", ["BroadcastToUser", "BroadcastToChannel", "BroadcastToAll"])
async def test_only_an_admin_may_broadcast(rpc, method, caller, error):
    with pytest.raises(error):
        await getattr(rpc, method)(getattr(pb, f"{method}Request")(), Context(caller))


async def test_notifications_are_the_callers_own_in_order(rpc):
    answer = await rpc.ListNotifications(pb.ListNotificationsRequest(after=4, limit=2), Context(ANN))
    assert [(item.id, item.kind, item.data["x"]) for item in answer.notifications] == [(5, "alert", 1), (6, "alert", 1)]


async def test_notifications_need_a_user_and_a_sane_limit(rpc):
    with pytest.raises(Unauthenticated):
        await rpc.ListNotifications(pb.ListNotificationsRequest(), Context(Caller()))
    with pytest.raises(InvalidInput):
        await rpc.ListNotifications(pb.ListNotificationsRequest(limit=201), Context(ANN))


async def test_a_tick_from_nats_reaches_subscribers_as_the_contract_says(hub, clock):
    subjects, (_, outlet) = SubjectHandlers(hub, clock), join(hub, "prices:BTC-USD")
    price = Price(symbol="BTC-USD", price="1.50", bid="1.4", ask="1.6", quality=Price.SINGLE_SOURCE, seq=9)
    price.event_time.FromMilliseconds(int(NOW) - 40)
    price.published_at.FromMilliseconds(int(NOW) - 10)
    await subjects.tick(delivery(Tick(price=price)))
    hub.flush()
    (update,) = outlet.events("price_update")
    quote = {"price": "1.50", "bid": "1.4", "ask": "1.6", "change_24h": "", "quality": "SINGLE_SOURCE", "seq": 9}
    assert update["prices"] == {"BTC-USD": {**quote, "ts": NOW - 40}}
    assert update["published_at"] == NOW - 10


async def test_an_invented_price_says_so(hub, clock):
    subjects, (_, outlet) = SubjectHandlers(hub, clock), join(hub, "prices:BTC-USD")
    await subjects.tick(delivery(Tick(price=Price(symbol="BTC-USD", price="1.50", seq=1, simulated=True))))
    hub.flush()
    (update,) = outlet.events("price_update")
    assert update["prices"]["BTC-USD"]["simulated"] is True


async def test_a_candle_from_nats_reaches_its_channel_only(hub, clock):
    subjects = SubjectHandlers(hub, clock)
    (_, minute), (_, hour) = join(hub, "candles:BTC-USD:1m", id="a"), join(hub, "candles:BTC-USD:1h", id="b")
    candle = Candle(open="1", close="2", trades=3)
    candle.open_time.FromMilliseconds(int(NOW))
    await subjects.candle(delivery(CandleUpdate(symbol="BTC-USD", interval="1m", candle=candle)))
    hub.flush()
    assert minute.events("candle_update")[0]["candle"]["open_time"] == NOW
    assert hour.events() == []


@pytest.mark.parametrize("data", [b"", b"[1]", b"rubbish", b'"text"'])
async def test_what_is_no_json_object_is_never_put_into_an_event(hub, clock, data):
    subjects, (_, outlet) = SubjectHandlers(hub, clock), join(hub, identity=Identity("ann", "s", 1, NOW))
    await subjects.room(delivery(RoomEvent(channel="*", event="x", data_json=data)))
    await subjects.user(1, UserEvent(user_id="ann", event="x", data_json=data).SerializeToString())
    assert outlet.events() == []


async def test_tokens_are_watched_all_the_time():
    hub, clock = build_hub(SystemClock()), SystemClock()
    _, outlet = join(hub, identity=Identity("ann", "s", 1, clock.time() + 30))
    watching = asyncio.create_task(SubjectHandlers(hub, clock).watch())
    await eventually(lambda: outlet.events("token_expiring"))
    watching.cancel()
