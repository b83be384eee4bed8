import asyncio

from services.kit.clock import SystemClock
from services.realtime.adapters.flusher import Flusher
from services.realtime.domain import fanout, subscriptions
from tests.unit.realtime.helpers import NOW, build_hub, eventually, join, tick


async def test_ticks_leave_by_themselves_and_within_their_channels_pace():
    hub = build_hub(SystemClock())
    Flusher(hub, SystemClock())
    _, outlet = join(hub, "prices:BTC-USD")  # at most 20 a second
    for number in range(60):
        hub.market.tick(tick(seq=number, published_at=NOW + number))
        await asyncio.sleep(0.005)
    await eventually(lambda: outlet.events("price_update")[-1]["prices"]["BTC-USD"]["seq"] == 59)
    assert 2 <= len(outlet.packets) <= 20


async def test_while_nothing_waits_there_is_no_timer():
    hub = build_hub(SystemClock())
    flusher = Flusher(hub, SystemClock())
    join(hub, "prices")
    assert flusher._timer is None
    hub.market.tick(tick())
    assert flusher._timer is not None
    await eventually(lambda: flusher._timer is None)


async def test_a_channel_that_is_due_at_once_does_not_wait_for_one_that_is_not(clock):
    hub = build_hub(clock)  # which stands still: what is not due yet never is
    Flusher(hub, clock)
    hub.market.learn(["BTC-USD", "ETH-USD"])
    socket, slow = join(hub, id="slow")
    hub.join(socket, hub.subscribe(socket, ["prices"], hz=1).subscribed)
    hub.market.tick(tick(seq=1))
    await eventually(lambda: slow.packets)
    _, fast = join(hub, "prices:ETH-USD", id="fast")
    hub.market.tick(tick("ETH-USD", seq=1))
    await eventually(lambda: fast.packets)
    assert (len(slow.packets), len(fast.packets)) == (1, 1)


async def test_slots_are_flushed_one_after_the_other_until_nothing_waits(monkeypatch):
    monkeypatch.setattr(subscriptions, "SLICE", 1)
    hub = build_hub(SystemClock())
    flusher = Flusher(hub, SystemClock())
    outlets = [join(hub, "prices", id=f"s{number}")[1] for number in range(5)]
    hub.market.tick(tick())
    await eventually(lambda: all(len(outlet.packets) == 1 for outlet in outlets))
    await eventually(lambda: flusher._timer is None)


async def test_a_write_that_fails_does_not_end_the_fan_out(monkeypatch):
    monkeypatch.setattr(fanout, "SLICE", 1)
    hub = build_hub(SystemClock())
    Flusher(hub, SystemClock())
    outlets = [join(hub, "prices", id=f"s{number}")[1] for number in range(4)]
    outlets.pop(1).send = None
    hub.broadcast("*", "note", b"{}")
    hub.market.tick(tick())
    await eventually(lambda: all(outlet.events("note") for outlet in outlets))
    await eventually(lambda: any(outlet.events("price_update") for outlet in outlets))


async def test_what_is_due_while_a_fan_out_is_under_way_leaves_after_it(monkeypatch):
    monkeypatch.setattr(fanout, "SLICE", 1)
    hub = build_hub(SystemClock())
    Flusher(hub, SystemClock())
    outlets = [join(hub, "prices", id=f"s{number}")[1] for number in range(5)]
    hub.market.tick(tick())
    hub.broadcast("*", "note", b"{}")
    await eventually(
        lambda: all([name for name, _ in outlet.events()] == ["note", "price_update"] for outlet in outlets)
    )
