"""An event that many clients are asked to acknowledge."""

import asyncio

from cryptovault.realtime.v1.cluster_pb2 import NodeQuestion
from cryptovault.realtime.v1.stats_pb2 import SocketStats

from services.realtime.domain import fanout
from services.realtime.handlers.answers import Answers
from tests.unit.realtime.helpers import PATIENCE

HOUR = 3_600_000  # milliseconds


async def vote(node):
    """What a node answers when its clients are asked to vote."""
    answers = Answers("node-1", node.hub, node.rooms, node.sockets, SocketStats)
    question = NodeQuestion(action=NodeQuestion.ACTION_EMIT, event="vote", data_json=b"{}", deadline_ms=HOUR)
    async with asyncio.timeout(PATIENCE):
        return await answers(question)


async def voter(connect):
    client = await connect()
    await client.next("offset")  # the greeting has been sent, and counted
    client.sio.on("vote", lambda data: "yes")


async def test_all_are_asked_in_slices_and_counted(node, connect, monkeypatch):
    monkeypatch.setattr(fanout, "SLICE", 1)
    for _ in range(3):
        await voter(connect)
    before = node.hub.meter.messages_sent
    answer = await vote(node)
    assert [one.arguments_json for one in answer.acknowledgements] == ['["yes"]'] * 3
    assert node.hub.meter.messages_sent - before == 3


async def test_the_first_slice_of_a_crowd_is_all_that_is_written_at_once(node, connect, monkeypatch):
    monkeypatch.setattr(fanout, "SLICE", 1)
    for _ in range(2):
        await voter(connect)
    asking = asyncio.create_task(vote(node))
    await asyncio.sleep(0)
    assert node.hub.fanout.busy
    assert len((await asking).acknowledgements) == 2


async def test_a_client_that_leaves_without_an_answer_is_not_waited_for(node, connect):
    await voter(connect)
    leaving = await connect()

    @leaving.sio.on("vote")
    async def leave(data):
        await leaving.sio.disconnect()

    answer = await vote(node)
    assert (answer.matched, len(answer.acknowledgements)) == (2, 1)
