"""The promise: limited routes tell the quota in the RateLimit fields, as structured fields (RFC 9651)."""

import re

from services.gateway.limits.counts import Outcome
from tests.unit.gateway.harness import Harness, gateway

# sf-list of one string with integer parameters: all that these fields use of RFC 9651.
ITEM = re.compile(
    r'"(?P<name>[\x20-\x21\x23-\x5b\x5d-\x7e]*)"(?P<parameters>(?:; *[a-z*][a-z0-9_.*-]*=-?[0-9]{1,15})*)'
)


def parse(field: str) -> tuple[str, dict[str, int]]:
    item = ITEM.fullmatch(field)
    assert item is not None, field
    pairs = (pair.strip().split("=") for pair in item["parameters"].split(";")[1:])
    return item["name"], {key: int(value) for key, value in pairs}


async def test_every_answer_of_a_limited_route_tells_the_quota(harness: Harness) -> None:
    for path in ("/api/prices", "/api/prices/NOPE-USD", "/api/prices?colour=red"):
        headers = (await harness.client.get(path)).headers
        policy, quota = parse(headers["ratelimit-policy"]), parse(headers["ratelimit"])
        assert policy == ("ip", {"q": 60, "w": 60})
        assert quota[0] == policy[0]
        assert 0 <= quota[1]["r"] < 60
        assert 0 < quota[1]["t"] <= 60


async def test_each_request_lowers_what_is_left_and_time_brings_it_back(harness: Harness) -> None:
    left = [parse((await harness.client.get("/api/prices")).headers["ratelimit"])[1]["r"] for _ in range(3)]
    harness.clock.advance(60)
    after = parse((await harness.client.get("/api/prices")).headers["ratelimit"])[1]["r"]
    assert (left, after) == ([59, 58, 57], 59)


async def test_a_spent_quota_is_a_429_that_says_when_to_come_back(harness: Harness) -> None:
    for _ in range(60):
        await harness.client.get("/api/prices")
    answer = await harness.client.get("/api/prices")
    assert (answer.status_code, answer.headers["content-type"]) == (429, "application/problem+json")
    assert answer.json()["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert int(answer.headers["retry-after"]) >= 1
    assert parse(answer.headers["ratelimit"])[1]["r"] == 0


async def test_the_gateways_own_pages_are_not_limited(harness: Harness) -> None:
    for path in ("/ping", "/health", "/openapi.json", "/docs"):
        assert "ratelimit" not in (await harness.client.get(path)).headers


async def test_limits_that_only_watch_let_everything_pass_and_count_what_they_would_refuse() -> None:
    async with gateway(rate_limit_factor=0.005, rate_limit_shadow=True) as harness:
        answers = [await harness.client.get("/api/prices") for _ in range(8)]
    assert [answer.status_code for answer in answers] == [200] * 8
    assert answers[-1].headers["ratelimit"].startswith('"ip";r=0;')
    counts, rule = harness.limiter.counts, "cryptovault.prices.v1.PricesService.ListPrices"
    assert counts[rule, Outcome.SHADOW] + counts[rule, Outcome.HIT] + counts[rule, Outcome.NEAR] == 8
    assert counts[rule, Outcome.SHADOW] > 0 == counts[rule, Outcome.OVER]
