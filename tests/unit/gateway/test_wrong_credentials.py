"""Whoever forges tokens or guesses keys is soon not listened to, and nobody else suffers."""

import asyncio

import pytest

from services.gateway.api_keys import MAX_FLIGHTS, Holder
from services.gateway.wrong_credentials import MAX_ADDRESSES, MOST, TooManyWrong, WrongCredentials
from services.kit.api_keys import generate
from services.kit.errors import Unauthenticated, Unavailable
from services.kit.testing import FakeClock
from tests.unit.gateway.harness import ADMIN, USER, Harness, gateway
from tests.unit.gateway.test_api_keys import World, settle

PERSONAL, PUBLIC = "/api/auth/me", "/api/prices"
HOME = "192.0.2.7"


@pytest.fixture
def world() -> World:
    return World()


async def forge(harness: Harness, path: str, times: int = MOST.count) -> list[int]:
    """The statuses of answers to forged tokens, each another one."""
    tokens = [{"authorization": f"Bearer forged-{number}"} for number in range(times)]
    return [(await harness.client.get(path, headers=token)).status_code for token in tokens]


async def resolved(world: World, texts: list[str]) -> list[object]:
    """What comes of keys that one address shows at the same time."""
    return await asyncio.gather(*(world.keys.resolve(text, HOME) for text in texts), return_exceptions=True)


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
async def test_a_refusal_tells_how_many_may_be_wrong(world: World, shown: dict[str, str]) -> None:
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


async def test_whoever_guesses_is_told_to_wait_and_others_are_served(world: World) -> None:
    for _ in range(MOST.count):
        with pytest.raises(Unauthenticated):
            await world.keys.resolve(generate()[0], HOME)
    with pytest.raises(TooManyWrong) as caught:
        await world.keys.resolve(generate()[0], HOME)
    text, _ = world.auth.issue()
    assert await world.keys.resolve(text, "192.0.2.8") == await world.keys.resolve(text, HOME)
    assert (caught.value.retry_after, world.auth.questions) == (3.0, MOST.count + 1)


async def test_whoever_guesses_many_keys_at_once_has_no_more_guesses(world: World) -> None:
    answers = await resolved(world, [generate()[0] for _ in range(MAX_FLIGHTS)])
    kinds = [type(answer) for answer in answers]
    assert (kinds.count(Unauthenticated), world.auth.questions) == (MOST.count, MOST.count)
    assert kinds.count(TooManyWrong) == MAX_FLIGHTS - MOST.count


async def test_an_address_is_not_refused_because_many_good_keys_are_asked_for_at_once(world: World) -> None:
    await resolved(world, [generate()[0] for _ in range(MOST.count - 1)])
    answers = await resolved(world, [world.auth.issue()[0] for _ in range(MAX_FLIGHTS)])
    assert [type(answer) for answer in answers] == [Holder] * MAX_FLIGHTS


async def test_a_key_that_cannot_be_asked_for_is_not_counted(world: World) -> None:
    world.auth.away = True
    answers = await resolved(world, [generate()[0] for _ in range(MAX_FLIGHTS)])
    assert {type(answer) for answer in answers} == {Unavailable}
    world.auth.away = False
    assert await world.keys.resolve(world.auth.issue()[0], HOME)


async def test_who_waits_for_the_same_key_as_somebody_who_guesses_is_not_refused_with_them(world: World) -> None:
    text, _ = world.auth.issue()
    world.auth.gate.clear()
    shown = [*((generate()[0], HOME) for _ in range(MOST.count)), (text, HOME), (text, "192.0.2.8")]
    waiting = [asyncio.create_task(world.keys.resolve(*item)) for item in shown]
    await settle()
    world.auth.gate.set()
    *_, guesser, other = await asyncio.gather(*waiting, return_exceptions=True)
    assert (type(guesser), type(other)) == (TooManyWrong, Holder)


async def test_wrong_tokens_count_as_wrong_keys_do(world: World) -> None:
    for _ in range(MOST.count):
        world.wrong.count(HOME)
    with pytest.raises(TooManyWrong):
        await world.keys.resolve(world.auth.issue()[0], HOME)
    assert world.auth.questions == 0


def test_only_so_many_addresses_are_remembered() -> None:
    wrong = WrongCredentials(FakeClock())
    for _ in range(MOST.count):
        wrong.count(HOME)
    with pytest.raises(TooManyWrong):
        wrong.check(HOME)
    for number in range(MAX_ADDRESSES):
        wrong.count(str(number))
    wrong.check(HOME)  # forgotten
