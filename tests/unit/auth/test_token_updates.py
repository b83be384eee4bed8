"""How a verifier is kept up to date (services.kit.token_updates)."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from cryptovault.auth.v1.auth_service_pb2 import GetJwksResponse, Jwk, ListRevocationsResponse, Revocation
from cryptovault.events.v1.events_pb2 import AuthRevoked

from services.kit.clock import SystemClock
from services.kit.errors import Unavailable
from services.kit.testing import FakeBus
from services.kit.token_updates import REVOKED_SUBJECT, follow, jwks_of
from services.kit.tokens import TokenVerifier

KEY = Jwk(kty="OKP", crv="Ed25519", x="11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", kid="k1", alg="EdDSA", use="sig")


class FakeAuth:
    """The two RPCs that a verifier calls."""

    def __init__(self) -> None:
        self.away = False
        self.revocations: list[Revocation] = []

    async def GetJwks(self, request, timeout):
        if self.away:
            raise Unavailable
        return GetJwksResponse(keys=[KEY])

    async def ListRevocations(self, request, timeout):
        return ListRevocationsResponse(revocations=self.revocations)


@pytest.fixture
def auth() -> FakeAuth:
    return FakeAuth()


@pytest.fixture
def verifier(auth: FakeAuth) -> TokenVerifier:
    return TokenVerifier(jwks_of(auth), SystemClock(), "issuer", "audience")


@asynccontextmanager
async def following(verifier: TokenVerifier, bus: FakeBus, auth: FakeAuth):
    task = asyncio.create_task(follow(verifier, bus, auth))
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not bus.subscriptions


async def until(condition) -> None:
    async with asyncio.timeout(3):
        while not condition():
            await asyncio.sleep(0.01)


async def test_the_start_brings_keys_and_what_was_revoked_before(verifier, auth):
    auth.revocations = [Revocation(user_id="u", session_id="s")]
    async with following(verifier, FakeBus(), auth):
        await until(lambda: verifier.revocations.concern("u", "s", 0))

    await verifier.probe()  # raises without keys
    assert verifier.revocations.concern("u", "s", 0)


async def test_an_event_counts_at_once(verifier, auth):
    bus = FakeBus()
    async with following(verifier, bus, auth):
        await until(lambda: bus.subscriptions)
        await bus.deliver(REVOKED_SUBJECT, AuthRevoked(user_id="u", session_id="s"))

        assert verifier.revocations.concern("u", "s", 0)


async def test_a_reconnection_brings_what_was_missed(verifier, auth):
    bus = FakeBus()
    async with following(verifier, bus, auth):
        await until(lambda: bus.listeners)
        await asyncio.sleep(0.05)
        auth.revocations = [Revocation(user_id="u", session_id="s")]
        await bus.reconnect()
        await until(lambda: verifier.revocations.concern("u", "s", 0))

    assert verifier.revocations.concern("u", "s", 0)


async def test_without_nats_a_revocation_still_counts_within_a_second(verifier, auth):
    bus = FakeBus()
    async with following(verifier, bus, auth):
        await asyncio.sleep(0.05)
        bus.connected = False
        auth.revocations = [Revocation(user_id="u", session_id="s")]
        async with asyncio.timeout(1):
            await until(lambda: verifier.revocations.concern("u", "s", 0))

    assert verifier.revocations.concern("u", "s", 0)


async def test_auth_is_asked_until_it_answers(verifier, auth):
    auth.away = True
    async with following(verifier, FakeBus(), auth):
        await asyncio.sleep(0.05)
        with pytest.raises(Unavailable):
            await verifier.probe()
        auth.away = False
        await asyncio.sleep(0.6)

    await verifier.probe()
