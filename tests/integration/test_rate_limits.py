"""Rate limits of several replicas on one Valkey: what all of them admit together, also when it stops or forgets."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest

from launcher.binaries import places
from services.gateway.limits.account import lease_bound
from services.gateway.limits.gcra import Limit, Rule
from services.gateway.limits.limiter import Mode, RateLimiter
from services.gateway.limits.script import ORDER_LUA
from services.kit.clock import SystemClock
from services.kit.store import Store
from services.kit.testing import free_port

REPLICAS = 3
HOURLY = Rule("hourly", Limit(60, 3600))  # too small to be leased: exact
LOGIN = Rule("login", Limit(30, 3600), strict=True)
AGREES = 20.0  # seconds


@dataclass
class Valkey:
    """A server that the test may suspend, kill and start again on the same port."""

    port: int
    process: asyncio.subprocess.Process

    @classmethod
    async def start(cls, port: int) -> "Valkey":
        where = ("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
        return cls(port, await asyncio.create_subprocess_exec(places()["valkey_server"], *where, stdout=-3))

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def signal(self, number: int) -> None:
        os.kill(self.process.pid, number)

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
async def valkey(port: int) -> AsyncIterator[Valkey]:
    server = await Valkey.start(port)
    yield server
    if server.process.returncode is None:
        await server.kill()


@asynccontextmanager
async def replicas(url: str, count: int = REPLICAS) -> AsyncIterator[list[RateLimiter]]:
    """Limiters in touch with the same Redis, which know of each other."""
    async with AsyncExitStack() as stack:
        limiters = []
        for _ in range(count):
            store = await stack.enter_async_context(Store.open(url))
            limiters.append(RateLimiter(store.script(ORDER_LUA), SystemClock(), patience=1.0))
        tasks = [asyncio.create_task(limiter.run()) for limiter in limiters]
        try:
            await until(lambda: all(limiter.replicas == count and limiter.mode is Mode.SHARED for limiter in limiters))
            yield limiters
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(AGREES):
        while not condition():
            await asyncio.sleep(0.02)


async def admitted(limiters: list[RateLimiter], rule: Rule, requests: int, subject: str = "user:a") -> int:
    """How many of so many requests pass, spread over the replicas."""
    passed = 0
    for number in range(requests):
        passed += (await limiters[number % len(limiters)].check(rule, subject)).allowed
    return passed


async def test_a_limit_that_is_not_leased_is_exact_over_all_replicas(valkey: Valkey) -> None:
    async with replicas(valkey.url) as limiters:
        assert await admitted(limiters, HOURLY, 200) == HOURLY.limit.count


async def test_leased_limits_admit_no_more_than_the_limit_and_hold_back_no_more_than_the_leases(valkey: Valkey) -> None:
    async with replicas(valkey.url) as limiters:
        rule = Rule("leased", Limit(600, 10))  # 60 a second: leases of up to 6 units
        held_back = REPLICAS * lease_bound(rule.limit, 1)
        began = asyncio.get_running_loop().time()
        passed = await admitted(limiters, rule, 2000)
        refilled = (asyncio.get_running_loop().time() - began) * 60 + 1
    assert rule.limit.count - held_back <= passed <= rule.limit.count + refilled


async def test_without_redis_the_replicas_together_admit_their_shares_and_a_strict_limit_a_quarter(
    valkey: Valkey,
) -> None:
    async with replicas(valkey.url) as limiters:
        await valkey.kill()
        normal = await admitted(limiters, HOURLY, 200)
        strict = await admitted(limiters, LOGIN, 60, "ip:b")
    assert 0 < normal <= HOURLY.limit.count / REPLICAS  # the other shares come with time
    assert 0 < strict <= LOGIN.limit.count // 4


async def test_what_passed_before_an_outage_is_known_during_and_after_it(valkey: Valkey, port: int) -> None:
    async with replicas(valkey.url) as limiters:
        before = await admitted(limiters, HOURLY, 40)
        await valkey.kill()
        during = await admitted(limiters, HOURLY, 200)
        again = await Valkey.start(port)  # with nothing in it
        try:
            await until(lambda: all(limiter.mode is Mode.SHARED for limiter in limiters))
            after = await admitted(limiters, HOURLY, 200)
        finally:
            await again.kill()
    assert before == 40
    assert before + during + after <= HOURLY.limit.count * (1 + 1 / REPLICAS) + 1  # one comes back in a minute


async def test_a_redis_that_stands_still_makes_nobody_wait_and_its_return_counts_nothing_twice(valkey: Valkey) -> None:
    async with replicas(valkey.url) as limiters:
        before = await admitted(limiters, HOURLY, 10)
        valkey.signal(signal.SIGSTOP)
        try:
            during = await admitted(limiters[:1], HOURLY, 5)
        finally:
            valkey.signal(signal.SIGCONT)
        await until(lambda: all(limiter.mode is Mode.SHARED for limiter in limiters))
        await asyncio.sleep(0.5)  # the debts arrive with the next two looks
        after = await admitted(limiters, HOURLY, 200)
    assert before == 10
    assert HOURLY.limit.count <= before + during + after <= HOURLY.limit.count + 1


async def test_a_busy_key_asks_redis_a_few_times_a_second(valkey: Valkey) -> None:
    async with replicas(valkey.url, count=1) as limiters:
        rule = Rule("ample", Limit(6_000_000, 60))
        await limiters[0].check(rule, "user:a")
        decided = 0
        for _ in range(20):
            await asyncio.sleep(0.01)
            decided += sum(limiters[0].decide(rule, "user:a") is not None for _ in range(50))
    assert decided > 500
