"""Whoever forges tokens or guesses keys is soon not listened to, and nobody else suffers."""

import pytest

from services.gateway.wrong_credentials import MAX_ADDRESSES, MOST, WrongCredentials
from services.kit.api_keys import generate
from services.kit.errors import TooManyRequests
from services.kit.testing import FakeClock
from tests.unit.gateway.harness import ADMIN, USER, Harness, gateway
from tests.unit.gateway.test_api_keys import World

PERSONAL, PUBLIC = "/api/auth/me", "/api/prices"
HOME = "192.0.2.7"


async def forge(harness: Harness, path: str, times: int = MOST.count) -> list[int]:
    """The statuses of answers to forged tokens, each another one."""
    tokens = [{"authorization": f"Bearer forged-{number}"} for number in range(times)]
    return [(await harness.client.get(path, headers=token)).status_code for token in tokens]


@pytest.mark.parametrize("path", [PERSONAL, PUBLIC])
async def test_after_so_many_forged_tokens_no_new_one_is_verified(harness: Harness, path: str) -> None:
    await forge(harness, path)
    refused = await harness.client.get(PERSONAL, headers=USER)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "3")
    assert set(await forge(harness, PERSONAL)) == {429}
    assert harness.verifier.in_vain == MOST.count
    harness.clock.advance(3)
    assert (await harness.client.get(PERSONAL, headers=USER)).status_code == 200


@pytest.mark.parametrize("shown", [USER, {"x-api-key": generate()[0]}])
async def test_a_refusal_tells_how_many_may_be_wrong(shown: dict[str, str]) -> None:
    world = World()
    for _ in range(MOST.count):
        world.wrong.count(HOME)
    async with gateway(keys=world.keys, wrong=world.wrong) as running:
        refused = await running.client.get(PERSONAL, headers=shown)
        public = await running.client.get(PUBLIC, headers=shown)
    assert (refused.status_code, refused.headers["ratelimit-policy"]) == (429, '"ip";q=20;w=60')
    assert refused.headers["ratelimit"] == '"ip";r=0;t=60'
    assert (public.status_code, public.headers["ratelimit-policy"]) == (200, '"ip";q=60;w=60')


async def test_a_token_seen_before_is_not_affected_though_it_may_count_no_longer(harness: Harness) -> None:
    await harness.client.get(PERSONAL, headers=USER)
    await forge(harness, PERSONAL)
    assert (await harness.client.get(PERSONAL, headers=USER)).status_code == 200
    harness.verifier.revoked.add("session-1")
    assert (await harness.client.get(PERSONAL, headers=USER)).status_code == 401


async def test_public_routes_serve_whoever_it_is(harness: Harness) -> None:
    assert set(await forge(harness, PUBLIC, 2 * MOST.count)) == {200}
    answer = await harness.client.get(PUBLIC, headers=ADMIN)
    assert (answer.status_code, answer.headers["ratelimit"][:4]) == (200, '"ip"')
    assert harness.verifier.in_vain == MOST.count


async def test_tokens_that_have_ended_are_not_wrong(harness: Harness) -> None:
    harness.verifier.revoked.add("session-1")
    for _ in range(MOST.count + 1):
        harness.verifier.seen.clear()
        answer = await harness.client.get(PERSONAL, headers=USER)
    assert answer.status_code == 401


def test_only_so_many_addresses_are_remembered() -> None:
    wrong = WrongCredentials(FakeClock())
    for _ in range(MOST.count):
        wrong.count(HOME)
    with pytest.raises(TooManyRequests):
        wrong.check(HOME)
    for number in range(MAX_ADDRESSES):
        wrong.count(str(number))
    wrong.check(HOME)  # forgotten
