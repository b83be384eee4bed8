"""API keys at the gateway: asked for once, known for a while, revoked at once; what they may do, and their budgets."""

import asyncio
from functools import partial
from typing import Any

import grpc
import pytest
from cryptovault.auth.v1.auth_service_pb2 import ResolveApiKeyRequest, ResolveApiKeyResponse
from grpc.aio import Metadata

from services.gateway.api_keys import FRESH_SECONDS, MAX_FLIGHTS, REFUSED_SECONDS, ApiKeys, Holder
from services.gateway.settings import Settings
from services.gateway.transcoding.catalog import Rate
from services.gateway.wrong_credentials import WrongCredentials
from services.kit.api_keys import KEPT_SECONDS, ApiKey, generate
from services.kit.errors import Unauthenticated, Unavailable
from services.kit.revocations import Revocations, Revoked
from services.kit.settings import SettingsError
from services.kit.testing import FakeClock
from tests.unit.gateway.harness import ADMIN, USER, gateway

HOME = "192.0.2.7"


class FakeAuth:
    """Resolves keys as auth does; counts the questions."""

    def __init__(self) -> None:
        self.known: dict[bytes, ResolveApiKeyResponse] = {}
        self.questions = 0
        self.away = False
        self.gate = asyncio.Event()
        self.gate.set()

    def issue(self, tier: str = "free", expires_at: int | None = None) -> tuple[str, ApiKey]:
        text, key = generate()
        answer = ResolveApiKeyResponse(user_id="u1", tier=tier, scopes=["admin"])
        if expires_at is not None:
            answer.expires_at.FromSeconds(expires_at)
        self.known[key.digest] = answer
        return text, key

    async def ResolveApiKey(self, request: ResolveApiKeyRequest, timeout: float) -> ResolveApiKeyResponse:
        self.questions += 1
        await self.gate.wait()
        if self.away:
            raise failure(grpc.StatusCode.UNAVAILABLE)
        if request.digest not in self.known:
            raise failure(grpc.StatusCode.UNAUTHENTICATED)
        return self.known[request.digest]


def failure(code: grpc.StatusCode) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, Metadata(), Metadata())


class World:
    """A gateway's keys, with the time and the auth service in the test's hands."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.auth = FakeAuth()
        self.revocations = Revocations(self.clock)
        stub: Any = self.auth
        self.wrong = WrongCredentials(self.clock)
        self.keys = ApiKeys(stub, self.revocations, self.clock, self.wrong)

    def revoke(self, key: ApiKey) -> None:
        self.revocations.add(Revoked("u1", key.key_id, 0, self.clock.time() + KEPT_SECONDS + 60))


@pytest.fixture
def world() -> World:
    return World()


async def settle() -> None:
    """Let what was started beside the test come to its end."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_key_is_asked_for_once_and_then_recalled(world: World) -> None:
    text, key = world.auth.issue("pro")
    assert world.keys.recall(text) is None
    holder = await world.keys.resolve(text, HOME)
    assert holder == world.keys.recall(text) == Holder(key.key_id, "u1", frozenset({"admin"}), "pro")
    assert world.auth.questions == 1


async def test_however_many_show_a_new_key_auth_is_asked_once(world: World) -> None:
    text, _ = world.auth.issue()
    world.auth.gate.clear()
    waiting = [asyncio.create_task(world.keys.resolve(text, HOME)) for _ in range(50)]
    await settle()
    waiting[0].cancel()
    world.auth.gate.set()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert (world.auth.questions, len(set(answers[1:]))) == (1, 1)
    assert isinstance(answers[0], asyncio.CancelledError)


async def test_a_revoked_key_is_refused_at_once_though_it_is_known(world: World) -> None:
    text, key = world.auth.issue()
    await world.keys.resolve(text, HOME)
    world.revoke(key)
    assert world.keys.recall(text) is None
    with pytest.raises(Unauthenticated):
        await world.keys.resolve(text, HOME)
    assert world.auth.questions == 1


async def test_a_revocation_that_overtakes_the_answer_counts(world: World) -> None:
    text, key = world.auth.issue()
    world.auth.gate.clear()
    asking = asyncio.create_task(world.keys.resolve(text, HOME))
    await settle()
    world.revoke(key)
    world.auth.gate.set()
    await asking
    assert world.keys.recall(text) is None


async def test_what_ends_all_sessions_leaves_keys(world: World) -> None:
    text, _ = world.auth.issue()
    await world.keys.resolve(text, HOME)
    world.revocations.add(Revoked("u1", "", 7, world.clock.time() + 600))
    assert world.keys.recall(text) is not None


async def test_what_changes_in_auth_counts_after_a_while_and_no_request_waits_for_it(world: World) -> None:
    text, key = world.auth.issue("free")
    await world.keys.resolve(text, HOME)
    world.auth.known[key.digest].tier = "pro"
    world.clock.advance(FRESH_SECONDS)
    before = world.keys.recall(text)
    await settle()
    after = world.keys.recall(text)
    assert (before and before.tier, after and after.tier) == ("free", "pro")
    assert world.auth.questions == 2


async def test_a_key_that_auth_knows_no_more_is_forgotten(world: World) -> None:
    text, _ = world.auth.issue()
    await world.keys.resolve(text, HOME)
    world.auth.known.clear()
    world.clock.advance(FRESH_SECONDS)
    world.keys.recall(text)
    await settle()
    assert world.keys.recall(text) is None


async def test_while_auth_is_away_known_keys_go_on_for_five_minutes_and_unknown_ones_are_not_called_wrong(
    world: World,
) -> None:
    text, _ = world.auth.issue()
    await world.keys.resolve(text, HOME)
    world.auth.away = True
    for _ in range(290):
        world.clock.advance(1)
        assert world.keys.recall(text) is not None
        await settle()
    assert world.auth.questions < 300
    with pytest.raises(Unavailable):
        await world.keys.resolve(world.auth.issue()[0], HOME)
    world.clock.advance(10)
    with pytest.raises(Unavailable):
        await world.keys.resolve(text, HOME)


async def test_a_key_ends_when_it_was_told_to(world: World) -> None:
    text, key = world.auth.issue(expires_at=int(world.clock.time()) + 20)
    await world.keys.resolve(text, HOME)
    world.clock.advance(20)
    del world.auth.known[key.digest]
    assert world.keys.recall(text) is None
    with pytest.raises(Unauthenticated):
        await world.keys.resolve(text, HOME)


async def test_what_cannot_be_a_key_is_refused_without_asking(world: World) -> None:
    with pytest.raises(Unauthenticated):
        await world.keys.resolve("cv_live_0123456789abcdef_" + "0" * 49, HOME)
    assert world.auth.questions == 0


async def test_a_wrong_key_is_asked_for_once_in_a_minute(world: World) -> None:
    text, _ = generate()
    for _ in range(3):
        with pytest.raises(Unauthenticated):
            await world.keys.resolve(text, HOME)
    assert world.auth.questions == 1
    world.clock.advance(REFUSED_SECONDS)
    with pytest.raises(Unauthenticated):
        await world.keys.resolve(text, HOME)
    assert world.auth.questions == 2


async def test_so_many_keys_are_asked_for_at_a_time(world: World) -> None:
    world.auth.gate.clear()
    waiting = [asyncio.create_task(world.keys.resolve(world.auth.issue()[0], HOME)) for _ in range(MAX_FLIGHTS)]
    await settle()
    with pytest.raises(Unavailable):
        await world.keys.resolve(world.auth.issue()[0], HOME)
    world.auth.gate.set()
    assert len(await asyncio.gather(*waiting)) == MAX_FLIGHTS


async def test_known_keys_that_are_asked_for_again_take_no_place_from_new_ones(world: World) -> None:
    known = [world.auth.issue()[0] for _ in range(MAX_FLIGHTS)]
    for text in known:
        await world.keys.resolve(text, HOME)
    world.clock.advance(FRESH_SECONDS)
    world.auth.gate.clear()
    assert all(world.keys.recall(text) for text in known)
    asking = asyncio.create_task(world.keys.resolve(world.auth.issue()[0], HOME))
    await settle()
    world.auth.gate.set()
    assert (await asking).user_id == "u1"


# In the pipeline

TIERS = {"free": Rate(20, 60), "pro": Rate(200, 60)}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"x-api-key": "free-key"}, 200),
        ({"x-api-key": "wrong"}, 401),
        ({"x-api-key": "free-key, pro-key"}, 401),
        ({"x-api-key": "unknown-to-us"}, 503),
        ({"x-api-key": "wrong", **USER}, 200),
        ({"x-api-key": "free-key", "authorization": "Bearer wrong"}, 401),
        ({"x-api-key": "free-key", "authorization": "Basic d3Jvbmc6d3Jvbmc="}, 200),
    ],
)
async def test_a_key_identifies_a_user_where_no_token_does(headers: dict[str, str], status: int) -> None:
    async with gateway() as running:
        for _ in range(2):
            answer = await running.client.get("/api/auth/me", headers=headers)
            assert answer.status_code == status


async def test_the_user_behind_a_key_is_told_to_the_service() -> None:
    async with gateway() as running:
        me = await running.client.get("/api/auth/me", headers={"x-api-key": "pro-key"})
        prices = await running.client.get("/api/prices/BTC-USD/stream", headers={"x-api-key": "pro-key"})
        caller = running.prices.last_caller
    assert (me.json()["user_id"], prices.status_code) == ("u2", 200)
    assert (caller.user_id, caller.key_id, caller.session_id, caller.tier) == ("u2", "k2", "", "")


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("POST", "/api/auth/api-keys"),
        ("GET", "/api/auth/api-keys"),
        ("DELETE", "/api/auth/api-keys/k1"),
        ("POST", "/api/auth/password"),
        ("POST", "/api/auth/logout"),
        ("GET", "/api/auth/sessions"),
        ("DELETE", "/api/auth/sessions/s1"),
    ],
)
async def test_a_key_is_not_enough_for_what_concerns_the_account_s_own_doors(verb: str, path: str) -> None:
    async with gateway() as running:
        for _ in range(2):
            answer = await running.client.request(verb, path, headers={"x-api-key": "admin-key"})
            assert (answer.status_code, answer.json()["detail"]) == (403, "an API key is not enough for this: sign in")


@pytest.mark.parametrize(("key", "status"), [("admin-key", 503), ("pro-key", 403)])
async def test_a_key_needs_the_scope_where_its_user_would(key: str, status: int) -> None:
    async with gateway() as running:
        for _ in range(2):
            answer = await running.client.get("/api/cache/stats", headers={"x-api-key": key})
            admin = await running.client.delete("/api/cache?pattern=x", headers={"x-api-key": key})
            assert (answer.status_code, admin.status_code) == (503, status)


async def test_a_key_s_budget_is_that_of_its_tier_and_all_routes_draw_on_it_by_their_cost() -> None:
    free = {"x-api-key": "free-key"}
    async with gateway(tiers=TIERS) as running:
        paths = ("/api/prices", "/api/prices/BTC-USD/candles", "/api/prices/BTC-USD/stream", "/api/prices/ETH-USD")
        answers = [await running.client.get(path, headers=free) for path in paths]
        left = [answer.headers["ratelimit"].split(";")[1] for answer in answers]
        refused = await running.client.get("/api/prices/BTC-USD/stream", headers=free)
        rich = await running.client.get("/api/prices", headers={"x-api-key": "pro-key"})
    assert left == ["r=19", "r=17", "r=7", "r=6"]
    assert {answer.headers["ratelimit-policy"] for answer in answers} == {'"key";q=20;w=60'}
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "12")
    assert (rich.headers["ratelimit-policy"], rich.headers["ratelimit"]) == ('"key";q=200;w=60', '"key";r=199;t=1')


async def test_a_tier_that_nobody_has_declared_leaves_a_key_with_each_route_s_own_rate() -> None:
    async with gateway(tiers=TIERS) as running:
        answer = await running.client.get("/api/prices", headers={"x-api-key": "admin-key"})
    assert answer.headers["ratelimit-policy"] == '"key";q=60;w=60'


async def test_what_guards_a_secret_keeps_its_own_rate() -> None:
    async with gateway(tiers=TIERS) as running:
        answer = await running.client.post("/api/auth/login", json={}, headers={"x-api-key": "pro-key"})
    assert answer.headers["ratelimit-policy"] == '"ip";q=20;w=60'


async def test_an_address_guesses_no_more_often_for_having_keys_and_tokens() -> None:
    shown: list[dict[str, str]] = [{}, {"x-api-key": "free-key"}, {"x-api-key": "pro-key"}, USER, ADMIN]
    async with gateway(tiers=TIERS) as running:
        guess = partial(running.client.post, "/api/auth/login", json={})
        answers = [await guess(headers=headers) for headers in shown]
        account = await running.client.post("/api/auth/password", json={}, headers=USER)
    assert [answer.headers["ratelimit"][:8] for answer in answers] == [f'"ip";r={left}' for left in (4, 3, 2, 1, 0)]
    assert account.headers["ratelimit-policy"] == '"user";q=20;w=60'


async def test_an_operation_that_costs_more_than_a_whole_budget_takes_all_of_it() -> None:
    async with gateway(tiers={"free": Rate(4, 60)}) as running:
        answer = await running.client.get("/api/prices/BTC-USD/stream", headers={"x-api-key": "free-key"})
    assert (answer.status_code, answer.headers["ratelimit"]) == (200, '"key";r=0;t=60')


async def test_a_wrong_key_on_a_public_route_counts_for_the_address() -> None:
    async with gateway(tiers=TIERS) as running:
        answers = [
            await running.client.get("/api/prices", headers={"x-api-key": key}) for key in ("wrong", "unknown-to-us")
        ]
    assert [answer.headers["ratelimit-policy"] for answer in answers] == ['"ip";q=60;w=60'] * 2


async def test_a_question_that_comes_again_counts_for_the_key_until_it_is_revoked() -> None:
    async with gateway(tiers=TIERS) as running:
        ask = partial(running.client.get, "/api/prices", headers={"x-api-key": "free-key"})
        answers = [await ask() for _ in range(4)]
        repeated = running.repeats.answered
        running.keys.seen.clear()
        running.keys.holders.clear()
        after = await ask()
    assert repeated > 0
    assert [answer.headers["ratelimit"].split(";")[1] for answer in answers] == ["r=19", "r=18", "r=17", "r=16"]
    assert after.headers["ratelimit-policy"] == '"ip";q=60;w=60'


async def test_a_token_counts_before_a_key() -> None:
    async with gateway(tiers=TIERS) as running:
        answer = await running.client.get("/api/prices", headers={"x-api-key": "free-key", **ADMIN})
    assert answer.headers["ratelimit-policy"] == '"user";q=60;w=60'


def test_tiers_are_declared_as_name_and_rate() -> None:
    assert Settings(tiers=("gold=5/second",)).budgets == {"gold": Rate(5, 1)}
    with pytest.raises(SettingsError) as caught:
        Settings(tiers=("gold", "=5/second", "silver=many", "free=1/day"))
    assert [problem.split("'")[1] for problem in caught.value.problems] == ["gold", "=5/second", "silver=many"]
