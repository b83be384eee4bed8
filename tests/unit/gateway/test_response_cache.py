"""How long answers are kept, and who waits when they get old. /api/prices has a cache_ttl of 0.5 s."""

import asyncio
import gc
import math

import httpx
import pytest

from services.gateway.pipeline import response_cache
from services.gateway.pipeline.exchange import Answer
from services.gateway.pipeline.response_cache import Room, Stored
from services.kit.errors import Unavailable
from tests.unit.gateway.harness import USER, Harness, gateway, until

PATH = "/api/prices"


def made_by(answer: httpx.Response) -> int:
    """The number of the upstream call that an answer came from."""
    return int(answer.json()["prices"][0]["seq"])


async def test_a_stale_answer_is_sent_while_one_call_fetches_the_next(harness: Harness) -> None:
    await harness.client.get(PATH)
    harness.clock.advance(0.6)
    stale = await asyncio.gather(*(harness.client.get(PATH) for _ in range(5)))
    async with asyncio.timeout(5):
        while made_by(await harness.client.get(PATH)) == 1:
            await asyncio.sleep(0.005)
    assert ([made_by(answer) for answer in stale], harness.prices.calls) == ([1] * 5, 2)


async def test_beyond_the_stale_time_all_wait_for_one_call(harness: Harness) -> None:
    await harness.client.get(PATH)
    harness.clock.advance(1.1)
    harness.prices.delay = 0.05
    answers = await asyncio.gather(*(harness.client.get(PATH) for _ in range(10)))
    assert ([made_by(answer) for answer in answers], harness.prices.calls) == ([2] * 10, 2)
    assert {answer.headers["age"] for answer in answers} == {"0"}


async def test_what_is_asked_for_now_and_then_keeps_its_place(harness: Harness) -> None:
    async def age() -> str:
        return str((await harness.client.get("/api/symbols")).headers["age"])

    await age()
    for _ in range(20):
        harness.clock.advance(7.0)  # past its time of 5 s, and within the grace
        assert await age() == "7"
        async with asyncio.timeout(5):
            while await age() != "0":
                await asyncio.sleep(0.005)


async def test_without_a_stale_share_nothing_stale_is_sent() -> None:
    async with gateway(cache_stale_share=0.0) as harness:
        await harness.client.get(PATH)
        harness.clock.advance(0.5)
        assert made_by(await harness.client.get(PATH)) == 2


async def test_a_stale_answer_stands_in_for_an_upstream_that_fails_which_is_not_asked_at_every_request(
    harness: Harness,
) -> None:
    await harness.client.get(PATH)
    harness.clock.advance(0.6)
    harness.prices.failures = [Unavailable("away")] * 100
    answers = []
    for _ in range(10):
        answers.append(await harness.client.get(PATH))
        await asyncio.sleep(0.02)
    assert {made_by(answer) for answer in answers} == {1}
    assert harness.prices.calls <= 1 + 2 * 2  # an attempt and its retry, perhaps twice
    harness.clock.advance(1.0)
    assert (await harness.client.get(PATH)).status_code == 503


async def test_what_is_forgotten_while_it_is_fetched_anew_stays_forgotten(harness: Harness) -> None:
    await harness.client.get(PATH)
    harness.clock.advance(0.6)
    harness.prices.delay = 0.05
    await harness.client.get(PATH)
    await until(lambda: harness.prices.calls == 2)
    await harness.cache.invalidate_pattern("responses:prices:*")
    assert made_by(await harness.client.get(PATH)) == 3


async def test_the_age_tells_how_old_an_answer_is(harness: Harness) -> None:
    await harness.client.get("/api/symbols")
    harness.clock.advance(3.9)
    assert (await harness.client.get("/api/symbols")).headers["age"] == "3"


async def test_answers_differ_by_query_and_never_by_who_asks(harness: Harness) -> None:
    one = await harness.client.get(PATH, params={"symbols": "BTC-USD"})
    same = await harness.client.get(PATH, params={"symbols": "BTC-USD"}, headers=USER)
    other = await harness.client.get(PATH, params={"symbols": "ETH-USD"})
    assert [made_by(answer) for answer in (one, same, other)] == [1, 1, 2]
    assert harness.prices.last_caller.client_ip == ""


@pytest.mark.parametrize("renewed", [False, True])
async def test_large_answers_push_out_the_oldest(monkeypatch: pytest.MonkeyPatch, renewed: bool) -> None:
    async def ask(number: int) -> int:
        return made_by(await harness.client.get(PATH, params={"symbols": f"S{number}"}))

    monkeypatch.setattr(response_cache, "MOST_BYTES", 30_000)
    async with gateway() as harness:
        small = [await ask(number) for number in range(10)]
        harness.prices.padding = "x" * 1500  # for each of two prices
        harness.clock.advance(60)
        words = range(10) if renewed else range(10, 20)
        large = [await ask(number) for number in words]
        again = [await ask(number) for number in reversed(words)]
    assert [*small, *large] == list(range(1, 21))
    assert again[:8] == large[:1:-1]
    assert again[8] == 21  # it was let go


async def test_answers_are_let_go_by_age_and_what_is_dropped_takes_no_room() -> None:
    room, kept = Room(100), [Stored(Answer(200, [], b"x" * 40), 1.0) for _ in range(3)]
    for stored in kept:
        room.take(stored)
    assert [stored.made_at for stored in kept] == [-math.inf, 1.0, 1.0]
    del kept[1], stored
    gc.collect()
    kept.append(Stored(Answer(200, [], b"x" * 60), 1.0))
    room.take(kept[-1])
    assert [stored.made_at for stored in kept] == [-math.inf, 1.0, 1.0]
