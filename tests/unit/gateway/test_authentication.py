"""While auth does not answer: public routes go on without it, and nobody guesses the cheaper for it."""

import asyncio

import pytest

from services.gateway.wrong_credentials import MOST
from services.kit.api_keys import generate
from services.kit.errors import TooManyRequests
from tests.unit.gateway.harness import USER, Harness, gateway
from tests.unit.gateway.test_api_keys import HOME, World, settle

PERSONAL, PUBLIC = "/api/auth/me", "/api/prices"
KEY = {"x-api-key": "pro-key"}


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("shown", [KEY, USER])
async def test_a_public_route_waits_only_so_long_and_then_serves_the_address(
    harness: Harness, shown: dict[str, str]
) -> None:
    harness.keys.gate.clear()
    harness.verifier.gate.clear()
    answer = await harness.client.get(PUBLIC, headers=shown)
    assert (answer.status_code, answer.headers["ratelimit"][:4]) == (200, '"ip"')


@pytest.mark.parametrize(("shown", "whose"), [(KEY, '"key"'), (USER, '"user"')])
async def test_what_is_found_out_too_late_counts_the_next_time(
    harness: Harness, shown: dict[str, str], whose: str
) -> None:
    harness.keys.gate.clear()
    harness.verifier.gate.clear()
    await harness.client.get(PUBLIC, headers=shown)
    harness.keys.gate.set()
    harness.verifier.gate.set()
    await settle()
    answer = await harness.client.get(PUBLIC, headers=shown)
    assert answer.headers["ratelimit"].startswith(whose)


@pytest.mark.parametrize(
    ("path", "patience", "status"), [(PUBLIC, {}, 200), (PERSONAL, {"request-timeout": "0.01"}, 504)]
)
async def test_a_wrong_key_counts_though_nobody_waits_for_the_answer(
    world: World, path: str, patience: dict[str, str], status: int
) -> None:
    world.auth.gate.clear()
    async with gateway(keys=world.keys, wrong=world.wrong) as running:
        guesses = [{"x-api-key": generate()[0], **patience} for _ in range(MOST.count)]
        answers = await asyncio.gather(*(running.client.get(path, headers=guess) for guess in guesses))
        world.auth.gate.set()
        await settle()
    assert {answer.status_code for answer in answers} == {status}
    with pytest.raises(TooManyRequests):
        world.wrong.check(HOME)
