"""A node ends under load, by SIGTERM or by kill -9: its clients carry on at another one, and miss nothing."""

import asyncio
import signal
from contextlib import AsyncExitStack
from itertools import count

import pytest
from cryptovault.realtime.v1 import realtime_service_pb2 as pb

from tests.integration.realtime_crowd import Balancer, Crowd, Process, javascript_clients, processes, python_client
from tests.integration.realtime_node import ADMIN, to_user, until

JAVASCRIPT = [f"js-{number}" for number in range(8)]
PYTHON = [f"py-{number}" for number in range(4)]
EVERYBODY = [*JAVASCRIPT, *PYTHON]


class Load:
    """One event for each user twenty times a second, numbered; only what was accepted counts."""

    def __init__(self, through: Process) -> None:
        self._through = through
        self._task = asyncio.create_task(self._run())
        self.sent = 0

    async def _run(self) -> None:
        for number in count():
            for user in EVERYBODY:
                await self._through.rpc.BroadcastToUser(to_user(user, number), metadata=ADMIN)
            self.sent = number + 1
            await asyncio.sleep(0.05)

    async def end(self) -> int:
        """How many each user was sent: the round that is cut short is sent to the end."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        for user in EVERYBODY:
            await self._through.rpc.BroadcastToUser(to_user(user, -1), metadata=ADMIN)
        return self.sent


async def everybody_is_at(crowd: Crowd, *nodes: str) -> bool:
    return len(crowd.nodes) == len(EVERYBODY) and set(crowd.nodes.values()) == set(nodes)


async def everybody_has_the_last(crowd: Crowd) -> bool:
    return all(crowd.numbers[user] and crowd.numbers[user][-1] == -1 for user in EVERYBODY)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["kill -9", "SIGTERM"])
async def test_the_clients_of_a_node_that_ends_carry_on_at_another_one(nats_url, number):
    crowd = Crowd()
    async with AsyncExitStack() as stack:
        first, second = await stack.enter_async_context(processes(nats_url, "node-1", "node-2"))
        balancer = await stack.enter_async_context(Balancer([first, second]))
        await stack.enter_async_context(javascript_clients(crowd, balancer.url, JAVASCRIPT))
        for user in PYTHON:
            await stack.enter_async_context(python_client(crowd, balancer.url, user))
        await until(lambda: everybody_is_at(crowd, "node-1", "node-2"))
        load = Load(through=second)
        await asyncio.sleep(0.5)
        moved = [user for user, node in crowd.nodes.items() if node == "node-1"]
        first.process.send_signal(number)
        await until(lambda: everybody_is_at(crowd, "node-2"))
        await asyncio.sleep(0.5)
        sent = await load.end()
        await until(lambda: everybody_has_the_last(crowd))
        stats = (await second.rpc.GetStats(pb.GetStatsRequest())).total
        status = await asyncio.to_thread(first.process.wait, 15)
    for user in EVERYBODY:
        received = crowd.numbers[user]
        assert received[:sent] == list(range(sent))
        assert received[sent:] in ([-1], [sent, -1])
        assert crowd.recoveries[user] == ([False, True] if user in moved else [False])
    assert moved
    assert (stats.recoveries, status) == (len(moved), 0 if number is signal.SIGTERM else -signal.SIGKILL)


async def test_a_node_that_hangs_is_named_in_the_statistics_until_it_goes_on(nats_url):
    async with processes(nats_url, "node-1", "node-2") as (first, second):
        await until(lambda: misses(first))
        second.process.send_signal(signal.SIGSTOP)
        await until(lambda: misses(first, "node-2"))
        second.process.send_signal(signal.SIGCONT)
        await until(lambda: misses(first))
        stats = await first.rpc.GetStats(pb.GetStatsRequest())
    assert [node.node for node in stats.nodes] == ["node-1", "node-2"]


async def misses(node: Process, *names: str) -> bool:
    return list((await node.rpc.GetStats(pb.GetStatsRequest())).missing_nodes) == list(names)


async def test_nobody_is_online_at_a_node_that_was_killed(nats_url):
    async with AsyncExitStack() as stack:
        first, second = await stack.enter_async_context(processes(nats_url, "node-1", "node-2"))
        await stack.enter_async_context(python_client(Crowd(), second.url, "ann"))
        before = await first.rpc.GetPresence(pb.GetPresenceRequest(), metadata=ADMIN)
        second.process.kill()
        after = await first.rpc.GetPresence(pb.GetPresenceRequest(), metadata=ADMIN)
    assert [(user.user_id, dict(user.nodes)) for user in before.users] == [("ann", {"node-2": 1})]
    assert (list(after.users), list(after.missing_nodes)) == ([], ["node-2"])
