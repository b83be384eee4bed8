"""The gateway's limiter under measurement: python -m bench.rate_limits_parts.ours <Redis> <decisions>."""

import asyncio
import contextlib
import logging
import sys
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from typing import Any

import uvloop
from cryptovault.gateway.v1.policy_pb2 import Policy as Declared

from bench.rate_limits_parts.measure import Cell, at_once, tell, waited_for
from services.gateway.limits.gcra import Decision, Limit, Rule
from services.gateway.limits.limiter import RateLimiter
from services.gateway.limits.script import ORDER_LUA
from services.gateway.pipeline.exchange import Answer, Exchange, Route
from services.gateway.pipeline.rate_limit import RateLimit
from services.gateway.transcoding.catalog import Policy, Rate
from services.kit.clock import SystemClock
from services.kit.errors import TooManyRequests, Unavailable
from services.kit.store import Store

BUSY = Rule("busy", Limit(600_000, 60))
SPENT = Rule("spent", Limit(1, 3600))
ONCE = Rule("once", Limit(60, 60))
SUBJECTS = 100  # in use at the same time


class AwayRedis:
    """Redis that does not answer."""

    async def __call__(self, keys: Sequence[str], args: Sequence[str | int]) -> list[int]:
        """Raises Unavailable."""
        raise Unavailable("Redis is away")


async def main(url: str, decisions: int) -> None:
    """Measure all kinds."""
    async with Store.open(url) as store:
        limiter = RateLimiter(store.script(ORDER_LUA), SystemClock(), patience=1.0)
        keeping = asyncio.create_task(limiter.run())
        await limiter.check(BUSY, "warm-up")
        tell(await cells(limiter, decisions, store.client))
        keeping.cancel()


async def cells(limiter: RateLimiter, decisions: int, redis: Any) -> list[Cell]:
    """Every kind of decision."""
    alone, subjects, numbers = await outage(), turns(), count()
    for subject in range(SUBJECTS):
        await limiter.check(BUSY, str(subject))
        await limiter.check(SPENT, str(subject))

    def decide(limiter: RateLimiter, rule: Rule) -> object:
        subject = subjects()
        return limiter.decide(rule, subject) or limiter.ask(rule, subject)

    def first() -> Awaitable[Decision]:
        return limiter.check(ONCE, f"new-{next(numbers)}")

    return [
        await at_once("nothing", lambda: None, decisions, redis),
        await at_once("leased", lambda: decide(limiter, BUSY), decisions, redis),
        await at_once("refused, by the deny cache", lambda: decide(limiter, SPENT), decisions, redis),
        await at_once("Redis away", lambda: decide(alone, BUSY), decisions, redis),
        await at_once("whole policy, leased", await policy(limiter, Rate(600_000, 60)), decisions, redis),
        await at_once("whole policy, shadow", await policy(limiter, Rate(1, 3600), shadow=True), decisions, redis),
        await at_once("whole policy, refused (429)", await policy(limiter, Rate(1, 60)), decisions, redis),
        await waited_for("first of a key", first, decisions // 10, redis),
        await waited_for("first of 50 keys at once", first, decisions // 10, redis, crowd=50),
    ]


def turns() -> Callable[[], str]:
    """The subjects, one after the other."""
    names, number = [str(subject) for subject in range(SUBJECTS)], count()
    return lambda: names[next(number) % SUBJECTS]


async def outage() -> RateLimiter:
    """A limiter that has noticed that Redis is away."""
    limiter = RateLimiter(AwayRedis(), SystemClock())
    await limiter.tick()
    return limiter


async def policy(limiter: RateLimiter, rate: Rate, *, shadow: bool = False) -> Callable[[], object]:
    """The policy as requests pass it: subject, decision, RateLimit fields, counts, and the next handler's call."""
    done: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    done.set_result(Answer(200, []))
    handler = RateLimit(lambda exchange: done, limiter, 1.0, shadow=shadow)
    route = Route("GET", "/", never, Policy(Declared.PUBLIC, rate, 0, 5, 1024, False), f"bench-{rate}-{shadow}")
    exchange = Exchange("GET", "/", b"", {}, "192.0.2.7", False, "2", never, route=route, client_ip="192.0.2.7")

    def call() -> Awaitable[Answer]:
        exchange.answer_headers.clear()
        with contextlib.suppress(TooManyRequests):
            return handler(exchange)
        return done

    for _ in range(3):  # the first ones ask Redis
        with contextlib.suppress(TooManyRequests):
            await call()
    return call


async def never(*_: object) -> Any:
    """Is not called."""


if __name__ == "__main__":
    logging.disable()
    uvloop.run(main(sys.argv[1], int(sys.argv[2])))
