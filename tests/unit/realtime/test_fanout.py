"""Writing to many: in slices, joined, and by the short way where there is one."""

import pytest

from services.realtime.domain import fanout
from services.realtime.domain.fanout import Letter
from services.realtime.domain.packets import Packet
from services.realtime.domain.registry import Audience, Socket
from tests.unit.realtime.helpers import FakeOutlet, build_hub, join, tick

BTC, ETH = "prices:BTC-USD", "prices:ETH-USD"
NOTE = Packet("note", b"{}")


class DirectOutlet(FakeOutlet):
    """Takes so many bytes by the short way."""

    def __init__(self, takes: int) -> None:
        super().__init__()
        self.takes = takes
        self.written = b""

    def write(self, frame: bytes) -> int:
        self.written += frame[: self.takes]
        return min(self.takes, len(frame))

    def send(self, packet, taken=0):
        self.written += packet.frame[taken:]


def crowd(clock, size, *channels):
    """A hub with a listener that remembers whether work waits, and sockets."""
    hub = build_hub(clock)
    woken = []
    hub.fanout.on_waiting(lambda: woken.append(True))
    hub.market.learn(["BTC-USD", "ETH-USD"])
    members = [join(hub, *channels, id=f"s{number}") for number in range(size)]
    return hub, members, woken


def unwritten(members):
    """One that the fan-out has not come to yet."""
    return next((socket, outlet) for socket, outlet in members if not outlet.packets)


def leave_and_come_back(hub, socket, channel):
    hub.unsubscribe(socket, [channel])
    hub.join(socket, hub.subscribe(socket, [channel]).subscribed)


def flush(hub, *symbols):
    for symbol in symbols:
        hub.market.tick(tick(symbol, seq=7))
    hub.flush()


def finish(hub):
    while hub.fanout.work():
        pass


def seqs(outlet):
    return [quote["seq"] for update in outlet.events("price_update") for quote in update["prices"].values()]


def received(members):
    return sum(bool(outlet.events("price_update")) for _, outlet in members)


def test_a_frame_leaves_by_the_short_way_and_its_rest_by_the_long_one():
    outlets = [DirectOutlet(1000), DirectOutlet(7), DirectOutlet(0)]
    fanout.give(NOTE, Audience(Socket(str(outlet.takes), outlet) for outlet in outlets))
    assert [outlet.written for outlet in outlets] == [NOTE.frame] * 3


def test_many_are_written_to_in_slices(clock, monkeypatch):
    monkeypatch.setattr(fanout, "SLICE", 10)
    hub, members, woken = crowd(clock, 25, "prices")
    flush(hub, "BTC-USD")
    assert (received(members), woken) == (10, [True])
    assert (hub.fanout.work(), received(members)) == (True, 20)
    assert (hub.fanout.work(), received(members)) == (False, 25)


def test_who_all_fit_into_one_slice_leave_nothing_to_be_done(clock, monkeypatch):
    monkeypatch.setattr(fanout, "SLICE", 10)
    hub, members, woken = crowd(clock, 10, "prices")
    flush(hub, "BTC-USD")
    assert (received(members), woken, hub.fanout.busy) == (10, [], False)


def test_what_is_posted_meanwhile_leaves_afterwards(clock, monkeypatch):
    monkeypatch.setattr(fanout, "SLICE", 1)
    hub, members, woken = crowd(clock, 2)
    for name in ("one", "two"):
        hub.broadcast("*", name, b"{}")
    finish(hub)
    assert [[name for name, _ in outlet.events()] for _, outlet in members] == [["one", "two"]] * 2
    assert woken == [True]


def test_a_write_that_fails_keeps_nothing_from_anybody_else(clock, monkeypatch):
    monkeypatch.setattr(fanout, "SLICE", 1)
    hub, members, woken = crowd(clock, 3)
    members[0][1].send = None
    with pytest.raises(TypeError):
        hub.broadcast("*", "note", b"{}")
    finish(hub)
    assert (woken, hub.fanout.busy) == ([True], False)
    assert [len(outlet.events("note")) for _, outlet in members] == [0, 1, 1]


def test_channels_that_are_due_together_leave_in_one_write(clock):
    hub, members, _ = crowd(clock, 2, BTC, ETH)
    _, half = join(hub, ETH, id="half")
    flush(hub, "BTC-USD", "ETH-USD")
    assert [len(outlet.packets) for _, outlet in members] == [1, 1]
    assert members[0][1].packets[0] is members[1][1].packets[0]
    assert [list(update["prices"]) for update in members[0][1].events("price_update")] == [["BTC-USD"], ["ETH-USD"]]
    assert [list(update["prices"]) for update in half.events("price_update")] == [["ETH-USD"]]
    assert hub.meter.messages_sent == 5


def test_who_leaves_a_channel_during_a_fan_out_gets_no_more_of_it_but_the_rest(clock, monkeypatch):
    monkeypatch.setattr(fanout, "SLICE", 1)
    hub, members, _ = crowd(clock, 3, BTC, ETH)
    flush(hub, "BTC-USD", "ETH-USD")
    socket, outlet = unwritten(members)
    hub.unsubscribe(socket, [BTC])
    finish(hub)
    assert [list(update["prices"]) for update in outlet.events("price_update")] == [["ETH-USD"]]
    assert received(members) == 3


def test_who_joins_during_a_fan_out_has_the_snapshot_and_nothing_twice(clock, monkeypatch):
    monkeypatch.setattr(fanout, "SLICE", 1)
    hub, _, _ = crowd(clock, 3, BTC)
    flush(hub, "BTC-USD")
    _, newcomer = join(hub, BTC, id="new")
    finish(hub)
    assert seqs(newcomer) == [7]


def test_who_joins_while_updates_wait_for_another_fan_out_gets_nothing_twice(clock, monkeypatch):
    monkeypatch.setattr(fanout, "SLICE", 1)
    hub, _, _ = crowd(clock, 2, BTC, ETH)
    hub.broadcast("*", "note", b"{}")
    flush(hub, "BTC-USD", "ETH-USD")
    _, newcomer = join(hub, BTC, ETH, id="new")
    finish(hub)
    assert seqs(newcomer) == [7, 7]


def test_who_leaves_and_comes_back_during_a_fan_out_has_the_snapshot_and_nothing_twice(clock, monkeypatch):
    monkeypatch.setattr(fanout, "SLICE", 1)
    hub, members, _ = crowd(clock, 3, BTC, ETH)
    flush(hub, "BTC-USD", "ETH-USD")
    socket, outlet = unwritten(members)
    leave_and_come_back(hub, socket, BTC)
    finish(hub)
    assert [list(update["prices"]) for update in outlet.events("price_update")] == [["BTC-USD"], ["ETH-USD"]]


def test_who_has_come_back_during_a_fan_out_gets_what_is_posted_after_that(clock, monkeypatch):
    monkeypatch.setattr(fanout, "SLICE", 1)
    hub, members, _ = crowd(clock, 3, BTC)
    flush(hub, "BTC-USD")
    socket, outlet = unwritten(members)
    leave_and_come_back(hub, socket, BTC)
    hub.market.tick(tick(seq=8))
    hub.join(socket, hub.subscribe(socket, [BTC], 1).subscribed)
    finish(hub)
    assert seqs(outlet) == [7, 8]


def test_letters_are_made_when_their_turn_comes(clock, monkeypatch):
    monkeypatch.setattr(fanout, "SLICE", 2)
    hub, members, _ = crowd(clock, 4)
    made = []
    hub.fanout.post(made.append(socket) or Letter(NOTE, Audience([socket])) for socket, _ in members)
    assert len(made) == 3  # the next one is at hand
    finish(hub)
    assert len(made) == 4


def test_who_falls_behind_during_a_fan_out_gets_the_changes_later(clock, monkeypatch):
    monkeypatch.setattr(fanout, "SLICE", 1)
    hub, members, _ = crowd(clock, 3, BTC)
    flush(hub, "BTC-USD")
    socket, outlet = unwritten(members)
    hub.hold(socket)
    finish(hub)
    assert outlet.packets == []
    hub.release(socket)
    assert seqs(outlet) == [7]
