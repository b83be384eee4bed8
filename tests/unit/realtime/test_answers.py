"""A question about a crowd: nobody else waits until it has been dealt with."""

import asyncio

import pytest
from cryptovault.realtime.v1.cluster_pb2 import NodeQuestion
from cryptovault.realtime.v1.stats_pb2 import SocketStats

from services.kit.testing import FakeBus
from services.realtime.handlers import answers
from services.realtime.handlers.answers import Answers
from services.realtime.handlers.rooms import Rooms
from services.realtime.handlers.subjects import SubjectHandlers
from tests.unit.realtime.helpers import FakeAcknowledgers, build_hub, join


class Crowd:
    """A node with four sockets, two of which have joined the channel, and two changes to a turn."""

    def __init__(self, clock, monkeypatch):
        monkeypatch.setattr(answers, "TURN", 2)
        self.hub = build_hub(clock)
        rooms = Rooms(FakeBus(), SubjectHandlers(self.hub, clock).room, self.hub.registry.subscribers, clock)
        self._answers = Answers("node-1", self.hub, rooms, FakeAcknowledgers(), SocketStats)
        self.members = [join(self.hub, *channels, id=f"s{n}") for n, channels in enumerate([["system"]] * 2 + [[]] * 2)]

    def ask(self, action):
        question = NodeQuestion(action=action, channels=["system", "prices"])
        return asyncio.create_task(self._answers(question))

    @property
    def changed(self):
        """How many sockets have been told something, or sent away."""
        return sum(bool(outlet.packets) or outlet.disconnected for _, outlet in self.members)


@pytest.fixture
def crowd(clock, monkeypatch):
    return Crowd(clock, monkeypatch)


@pytest.mark.parametrize(
    ("action", "steps"),
    [
        (NodeQuestion.ACTION_JOIN, [1, 2, 3, 4]),
        (NodeQuestion.ACTION_LEAVE, [1, 2, 3, 4]),
        (NodeQuestion.ACTION_DISCONNECT, [2, 4]),
    ],
)
async def test_a_crowd_is_changed_little_by_little(crowd, action, steps):
    asking, seen = crowd.ask(action), {0: None}
    while not asking.done():
        await asyncio.sleep(0)
        seen[crowd.changed] = None
    assert [*seen] == [0, *steps]


@pytest.mark.parametrize("action", [NodeQuestion.ACTION_JOIN, NodeQuestion.ACTION_LEAVE])
async def test_who_has_gone_before_its_turn_is_passed_over(crowd, action):
    asking, (last, outlet) = crowd.ask(action), crowd.members[-1]
    while not crowd.changed:
        await asyncio.sleep(0)
    crowd.hub.disconnect(last)
    await asking
    assert (outlet.packets, list(last.channels)) == ([], [])
