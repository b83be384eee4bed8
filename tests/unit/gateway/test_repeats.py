"""A question that comes again is answered without the policies, and as if it had passed them."""

import asyncio
import gc

import httpx
import pytest

from services.gateway.api_keys import Holder
from services.gateway.limits.counts import Outcome
from services.gateway.pipeline import repeats
from services.gateway.pipeline.repeats import CHANGING
from services.gateway.pipeline.response_cache import Stored
from services.kit import telemetry
from tests.unit.gateway.harness import USER, Harness, as_served, gateway

PATH = "/api/prices"
RULE = "cryptovault.prices.v1.PricesService.ListPrices"


def lasting(answer: httpx.Response) -> dict[str, str]:
    """The headers that are the same each time."""
    return {name: value for name, value in answer.headers.items() if name.encode() not in CHANGING}


async def ask(harness: Harness, path: str = PATH, **headers: str) -> httpx.Response:
    return await harness.client.get(path, headers=headers)


def kept_answers() -> int:
    """How many are in memory."""
    gc.collect()
    return sum(isinstance(thing, Stored) for thing in gc.get_objects())


async def test_the_same_question_gets_the_same_answer_by_the_short_way(harness: Harness) -> None:
    harness.prices.padding = "x" * 2000
    first, second = await ask(harness), await ask(harness)
    assert harness.repeats.answered == 1
    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert lasting(first) == lasting(second)
    assert first.headers.keys() == second.headers.keys()
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


async def test_each_time_costs_as_much_of_the_quota(harness: Harness) -> None:
    answers = [await ask(harness) for _ in range(5)]
    left = [int(answer.headers["ratelimit"].split(";r=")[1].split(";")[0]) for answer in answers]
    assert left == list(range(left[0], left[0] - 5, -1))
    assert harness.repeats.answered == 4


async def test_a_quota_that_is_used_up_ends_it() -> None:
    async with gateway(rate_limit_factor=0.005) as harness:
        answers = [await ask(harness) for _ in range(8)]
        statuses = [answer.status_code for answer in answers]
        passed = statuses.count(200)
        assert 0 < passed < 8
        assert statuses == [200] * passed + [429] * (8 - passed)
        assert harness.repeats.answered == passed - 1


async def test_an_answer_that_is_forgotten_or_too_old_is_fetched_anew(harness: Harness) -> None:
    await ask(harness)
    await harness.cache.invalidate_pattern("responses:prices:*")
    await ask(harness)
    assert (harness.prices.calls, harness.repeats.answered) == (2, 0)
    harness.clock.advance(60)
    await ask(harness)
    assert (harness.prices.calls, harness.repeats.answered) == (3, 0)
    await ask(harness)
    assert (harness.prices.calls, harness.repeats.answered) == (3, 1)


async def test_a_remembered_question_does_not_keep_an_answer_that_the_cache_has_dropped(harness: Harness) -> None:
    before = kept_answers()
    for _ in range(2):
        await ask(harness)
    await harness.cache.delete("responses:prices:/api/prices?")
    async with asyncio.timeout(5):
        while kept_answers() > before:
            await asyncio.sleep(0.01)
    assert (harness.repeats.answered, len(harness.repeats)) == (1, 1)


async def test_an_answer_that_is_being_renewed_goes_out_meanwhile(harness: Harness) -> None:
    first = await ask(harness)
    harness.clock.advance(0.6)  # past its time of half a second, and within the grace
    harness.prices.delay = 0.2
    stale = [await ask(harness) for _ in range(3)]
    assert {answer.headers["etag"] for answer in stale} == {first.headers["etag"]}
    assert harness.repeats.answered == 2
    async with asyncio.timeout(5):
        while harness.prices.calls < 2:
            await asyncio.sleep(0.01)


async def test_whose_session_has_ended_is_nobody_from_then_on(harness: Harness) -> None:
    known = [await harness.client.get(PATH, headers=USER) for _ in range(3)]
    assert harness.repeats.answered == 1  # the first one had to wait for its token
    harness.verifier.revoked.add("session-1")
    after = await harness.client.get(PATH, headers=USER)
    assert [answer.headers["ratelimit"].split(";")[0] for answer in (*known, after)] == ['"user"'] * 3 + ['"ip"']


async def test_an_api_key_that_is_revoked_counts_no_longer(harness: Harness) -> None:
    keyed = {"x-api-key": "pro-key"}
    for _ in range(3):
        answer = await harness.client.get(PATH, headers=keyed)
        assert answer.headers["ratelimit"].startswith('"key"')
    harness.keys.seen.clear()
    harness.keys.holders.clear()
    answer = await harness.client.get(PATH, headers=keyed)
    assert answer.headers["ratelimit"].startswith('"ip"')


async def test_what_was_found_is_found_again_only_when_the_caller_is_another(harness: Harness) -> None:
    keyed = {"x-api-key": "free-key"}
    quotas, found = set(), []
    for tier in ("free", "pro"):
        harness.keys.seen["free-key"] = Holder("k1", "u1", frozenset(), tier)
        for _ in range(3):
            answer = await ask(harness, **keyed)
            quotas.add((tier, answer.headers["ratelimit-policy"]))
            found += harness.repeats._known.values()
            harness.clock.advance(60)  # the answer is too old, and the long way taken
    assert (harness.repeats.answered, len(harness.repeats), len(quotas)) == (0, 1, 2)
    assert len(set(map(id, found))) == 2


async def test_another_client_pays_from_its_own_quota(harness: Harness) -> None:
    for _ in range(3):
        last = await ask(harness)
    elsewhere = httpx.ASGITransport(app=as_served(harness.app), client=("192.0.2.99", 4000))
    async with httpx.AsyncClient(transport=elsewhere, base_url="http://gateway") as other:
        theirs = await other.get(PATH)
    left = [int(answer.headers["ratelimit"].split(";r=")[1].split(";")[0]) for answer in (last, theirs)]
    assert left[1] == left[0] + 2


async def test_a_renewed_answer_goes_out_in_the_same_coding(harness: Harness) -> None:
    harness.prices.padding = "x" * 2000
    for _ in range(2):
        old = await ask(harness, **{"accept-encoding": "gzip"})
    harness.clock.advance(60)
    for _ in range(2):
        new = await ask(harness, **{"accept-encoding": "gzip"})
    assert old.headers["content-encoding"] == new.headers["content-encoding"] == "gzip"
    assert old.headers["etag"] != new.headers["etag"]
    assert harness.repeats.answered == 2


@pytest.mark.parametrize(
    "headers",
    [
        {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
        {"x-request-id": "mine"},
        {"if-none-match": '"other"'},
        {"content-length": "2"},
        {"x-long": "x" * repeats.MOST_BYTES},
        {f"x-{number}": "" for number in range(120)},
    ],
)
async def test_what_is_never_short_cut(harness: Harness, headers: dict[str, str]) -> None:
    for _ in range(3):
        request = harness.client.build_request("GET", PATH, headers=headers)
        answer = await harness.client.send(request)
        assert answer.status_code == 200
    assert (harness.repeats.answered, len(harness.repeats)) == (0, 0)


async def test_what_is_personal_or_changes_something_takes_the_long_way(harness: Harness) -> None:
    for _ in range(3):
        await harness.client.get("/api/auth/me", headers=USER)
        await harness.client.head(PATH)
        await harness.client.post("/api/auth/login", json={"email": "a@b.c", "password": "wrong"})
        await harness.client.get("/nothing/here")
    assert (harness.repeats.answered, len(harness.repeats)) == (0, 0)


async def test_what_is_recorded_takes_the_long_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "root_share", lambda: 1.0)
    async with gateway() as harness:
        for _ in range(3):
            await ask(harness)
        assert harness.repeats.answered == 0


async def test_only_so_many_questions_are_remembered(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "MOST_QUESTIONS", 3)
    for number in range(6):
        await ask(harness, **{"x-number": str(number)})
    assert len(harness.repeats) == 3
    await ask(harness, **{"x-number": "5"})
    await ask(harness, **{"x-number": "0"})
    assert harness.repeats.answered == 1


async def test_each_is_counted_once_though_its_quota_is_used_up_and_redis_away() -> None:
    async with gateway(rate_limit_factor=0.05) as harness:
        for _ in range(8):
            await ask(harness)
        counts = {outcome: harness.limiter.counts[RULE, outcome] for outcome in Outcome}
    assert harness.repeats.answered == 2
    assert (counts[Outcome.OVER], counts[Outcome.DEGRADED]) == (5, 8)


async def test_they_are_counted_as_the_others_are(harness: Harness) -> None:
    for _ in range(4):
        await ask(harness)
    assert harness.repeats.answered == 3
    assert harness.limiter.counts[RULE, Outcome.HIT] == 4
