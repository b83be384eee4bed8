"""Which rooms a node hears, and what it does with a broadcast."""

import pytest
from cryptovault.events.v1.events_pb2 import RoomEvent

from services.kit.errors import Unavailable
from services.kit.testing import FakeBus
from services.realtime.domain.packets import Packet
from services.realtime.handlers.rooms import LINGER, Rooms
from services.realtime.handlers.subjects import SubjectHandlers
from tests.unit.realtime.helpers import build_hub, delivery, join


@pytest.fixture
def bus():
    return FakeBus()


@pytest.fixture
def hub(clock):
    return build_hub(clock)


@pytest.fixture
def rooms(bus, hub, clock):
    return Rooms(bus, SubjectHandlers(hub, clock).room, hub.registry.subscribers, clock)


def heard(bus):
    return [subscription.subject for subscription in bus.subscriptions]


async def test_a_room_is_subscribed_once_however_many_join(rooms, bus):
    await rooms.hear(["system", "prices"])
    await rooms.hear(["system"])
    assert sorted(heard(bus)) == ["cv.room.prices", "cv.room.system"]


async def test_a_room_is_let_go_some_time_after_its_last_member(rooms, bus, hub, clock):
    await rooms.hear(["system"])
    socket, _ = join(hub, "system")
    clock.advance(LINGER)
    await rooms.tend()
    assert heard(bus) == ["cv.room.system"]
    hub.disconnect(socket)
    await rooms.tend()
    assert heard(bus) == ["cv.room.system"]
    clock.advance(LINGER)
    await rooms.tend()
    assert heard(bus) == []


async def test_a_room_that_was_let_go_is_heard_again(rooms, bus, clock):
    await rooms.hear(["system"])
    clock.advance(LINGER)
    await rooms.tend()
    await rooms.hear(["system"])
    assert heard(bus) == ["cv.room.system"]


async def test_who_subscribes_while_nats_is_away_does_not_wait(rooms, bus, hub):
    bus.connected = False
    await rooms.hear(["system"])
    assert heard(bus) == ["cv.room.system"]
    with pytest.raises(Unavailable):
        await bus.ping()


async def test_what_another_node_encoded_is_sent_as_it_is(rooms, bus, hub):
    await rooms.hear(["system"])
    _, outlet = join(hub, "system")
    packet = Packet("note", b'{"n":1}')
    await bus.deliver("cv.room.system", RoomEvent(channel="system", packet=packet.encoded))
    assert outlet.packets[-1].frame == packet.frame


@pytest.mark.parametrize("packet", [b"41", b'42["note","\xff"]'])
async def test_what_is_no_encoded_event_reaches_nobody(hub, clock, packet):
    subjects, (_, outlet) = SubjectHandlers(hub, clock), join(hub, "system")
    await subjects.room(delivery(RoomEvent(channel="system", packet=packet)))
    assert outlet.events() == []


async def test_a_broadcast_to_everybody_is_not_even_read_where_nobody_is(hub, clock):
    message = delivery(RoomEvent())
    object.__setattr__(message, "data", None)  # reading it would fail
    await SubjectHandlers(hub, clock).room(message)
    assert len(hub.registry) == 0
