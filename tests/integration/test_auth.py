"""Auth as a whole: real gRPC, PostgreSQL, Valkey and NATS."""

import asyncio
import base64
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptovault.auth.v1 import auth_service_pb2 as pb
from cryptovault.auth.v1.auth_service_pb2_grpc import AuthServiceStub

from services.auth.adapters.keys import KeysUnreadable, KeyTable, Vault
from services.auth.settings import Settings
from services.auth.wiring import SERVICE
from services.kit import boot
from services.kit.bus import Bus
from services.kit.caller import Caller
from services.kit.clock import SystemClock
from services.kit.db import Database
from services.kit.errors import (
    AlreadyExists,
    CryptoVaultError,
    InvalidInput,
    NotFound,
    PermissionDenied,
    TooManyRequests,
    Unauthenticated,
    from_grpc,
)
from services.kit.rpc import channel
from services.kit.store import Store
from services.kit.testing import free_port
from services.kit.token_updates import follow, jwks_of
from services.kit.tokens import TokenVerifier

pytestmark = pytest.mark.integration

PASSWORD = "correct horse battery staple"
ADMIN = ("root@example.com", "an admin's long passphrase")


class Client:
    """Calls auth as the gateway does."""

    def __init__(self, stub, caller: Caller | None = None) -> None:
        self.stub = stub
        self.caller = caller or Caller(client_ip=secrets.token_hex(4), user_agent="test")

    async def call(self, name: str, **fields):
        request = getattr(pb, f"{name}Request")(**fields)
        try:
            return await getattr(self.stub, name)(request, metadata=self.caller.to_metadata(), timeout=20)
        except grpc.aio.AioRpcError as error:
            raise from_grpc(error) from error

    async def register(self, email: str = "", password: str = PASSWORD) -> pb.Tokens:
        email = email or f"{secrets.token_hex(6)}@example.com"
        return (await self.call("Register", email=email, password=password)).tokens

    async def login(self, email: str, password: str = PASSWORD) -> pb.Tokens:
        return (await self.call("Login", email=email, password=password)).tokens

    async def refresh(self, token: str) -> pb.Tokens:
        return (await self.call("Refresh", refresh_token=token)).tokens

    def signed_in(self, tokens: pb.Tokens) -> "Client":
        claims = jwt.decode(tokens.access_token, options={"verify_signature": False})
        caller = replace(self.caller, user_id=claims["sub"], session_id=claims["sid"])
        return Client(self.stub, caller)


@dataclass
class World:
    """A running auth service and what it stands on."""

    client: Client
    settings: Settings
    store: Store
    bus: Bus
    database: Database


@pytest.fixture
def settings(valkey_url, nats_url, database_url) -> Settings:
    return Settings(
        redis_url=valkey_url,
        nats_url=nats_url,
        database_url=database_url,
        port=free_port(),
        require_verified_email=False,
        admin_email=ADMIN[0],
        admin_password=ADMIN[1],
        argon2_memory_kib=7168,
        argon2_passes=1,
        key_encryption_key=base64.b64encode(bytes(32)).decode(),
    )


@pytest.fixture
async def world(settings: Settings) -> AsyncIterator[World]:
    async with (
        running(settings) as stub,
        Store.open(settings.redis_url) as store,
        Bus.open(settings.nats_url, "test") as bus,
        Database.open(settings.database_url) as database,
    ):
        yield World(Client(stub), settings, store, bus, database)


@pytest.fixture
def client(world: World) -> Client:
    return world.client


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[AuthServiceStub]:
    """An auth service in this process, ready to be called."""
    stopping = asyncio.Event()
    service = asyncio.create_task(boot.run(SERVICE, settings, stopping))
    try:
        async with channel(f"127.0.0.1:{settings.port}") as link:
            stub = AuthServiceStub(link)
            await until(lambda: answers(stub))
            yield stub
    finally:
        stopping.set()
        await service


async def answers(stub) -> bool:
    try:
        return bool((await stub.GetJwks(pb.GetJwksRequest(), timeout=1)).keys)
    except grpc.aio.AioRpcError:
        return False


async def until(condition, limit: float = 15.0) -> None:
    async with asyncio.timeout(limit):
        while not await condition():
            await asyncio.sleep(0.02)


async def let_time_pass(store: Store, tokens: pb.Tokens, seconds: float) -> None:
    """Make a session older: everything it remembers happened earlier."""
    (key,) = [key async for key in store.client.scan_iter(f"cv:auth:session:*{tokens.session_id}")]
    for name in await store.client.hkeys(key):
        if name.startswith(b"spent:") or name in (b"created_at", b"seen_at", b"ends_at"):
            await store.client.hincrby(key, name, -round(seconds * 1000))


async def audit_events(world: World, user_id: str) -> list[str]:
    rows = await world.database.fetch(
        "SELECT content::jsonb ->> 'event' AS event FROM auth.audit_log WHERE content::jsonb ->> 'user_id' = $1"
        " ORDER BY number",
        user_id,
    )
    return [row["event"] for row in rows]


# Registering and signing in


async def test_a_new_account_is_signed_in_and_can_sign_in_again(client):
    registered = await client.register("New.User@Example.com")
    tokens = await client.login("new.user@example.COM")
    me = (await client.signed_in(tokens).call("GetMe")).user

    assert (me.email, me.display_name, list(me.scopes)) == ("New.User@Example.com", "New.User", [])
    assert tokens.token_type == "Bearer"
    assert 570 <= tokens.expires_in <= 600
    assert registered.session_id != tokens.session_id


async def test_all_wrong_fields_are_named_at_once(client):
    with pytest.raises(InvalidInput) as caught:
        await client.call("Register", email="nobody", password="short", display_name="x" * 65)

    assert {item.field for item in caught.value.fields} == {"email", "password", "display_name"}


async def test_an_address_belongs_to_one_account_however_it_is_written(client):
    await client.register("taken@example.com")
    with pytest.raises(AlreadyExists):
        await client.register(" TAKEN@example.com ")


async def test_a_wrong_password_and_an_unknown_address_are_told_apart_by_nothing(client):
    await client.register("known@example.com")
    answers = set()
    for email in ("known@example.com", "unknown@example.com", "no address at all"):
        with pytest.raises(Unauthenticated) as caught:
            await client.login(email, "not the right password")
        answers.add((caught.value.detail, caught.value.reason))

    assert len(answers) == 1


async def test_an_unknown_address_costs_as_much_time_as_a_wrong_password(client):
    await client.register("timed@example.com")
    times = {"timed@example.com": [], "nobody@example.com": []}
    for _ in range(12):
        for email, taken in times.items():
            began = time.perf_counter()
            with pytest.raises(Unauthenticated):
                await Client(client.stub).login(email, "not the right password")
            taken.append(time.perf_counter() - began)
    known, unknown = (min(taken) for taken in times.values())

    assert unknown == pytest.approx(known, rel=0.5)


async def test_failures_delay_the_next_attempt_but_only_from_that_address(client):
    await client.register("slow@example.com")
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            await client.login("slow@example.com", "not the right password")
    with pytest.raises(TooManyRequests) as caught:
        await client.login("slow@example.com")

    assert 0 < caught.value.retry_after <= 1
    assert (await Client(client.stub).login("slow@example.com")).session_id
    await asyncio.sleep(caught.value.retry_after)
    assert (await client.login("slow@example.com")).session_id


async def test_parallel_guesses_gain_nothing(client):
    await client.register("raced@example.com")
    guesses = [client.login("raced@example.com", "not the right password") for _ in range(40)]
    results = await asyncio.gather(*guesses, return_exceptions=True)

    assert Counter(type(result) for result in results) == {Unauthenticated: 5, TooManyRequests: 35}


async def test_parallel_sign_ins_with_the_right_password_all_succeed(client):
    await client.register("busy@example.com")
    results = await asyncio.gather(*(client.login("busy@example.com") for _ in range(30)))

    assert len({tokens.session_id for tokens in results}) == 30


async def test_an_unverified_address_is_refused_until_the_operator_verifies_it(settings):
    async with running(replace(settings, require_verified_email=True)) as stub:
        client = Client(stub)
        for _ in range(2):  # the second time the address is taken, which must not show
            with pytest.raises(PermissionDenied) as caught:
                await client.register("pending@example.com")
            assert caught.value.reason == "email_not_verified"
        with pytest.raises(PermissionDenied):
            await client.login("pending@example.com")
        assert await SERVICE.commands["verify-email"].run(settings, ["pending@example.com"]) == 0
        assert (await client.login("pending@example.com")).session_id


async def test_a_hash_with_other_parameters_is_renewed_at_sign_in(world):
    tokens = await world.client.register("rehash@example.com")
    user_id = world.client.signed_in(tokens).caller.user_id
    other = replace(world.settings, argon2_passes=2, port=free_port())
    async with running(other) as stub:
        await Client(stub).login("rehash@example.com")
    stored = await world.database.fetchval("SELECT password_hash FROM auth.credentials WHERE user_id = $1", user_id)

    assert "m=7168,t=2,p=1" in stored


async def test_the_first_admin_is_created_once(settings):
    for _ in range(2):
        async with running(replace(settings, port=free_port())) as stub:
            await until(partial(can_sign_in, Client(stub), *ADMIN))
            client = Client(stub)
            me = (await client.signed_in(await client.login(*ADMIN)).call("GetMe")).user
            assert list(me.scopes) == ["admin"]


async def can_sign_in(client: Client, email: str, password: str) -> bool:
    try:
        return bool(await client.login(email, password))
    except CryptoVaultError:
        return False


# Refresh tokens


async def test_a_refresh_gives_new_tokens_of_the_same_session(client):
    first = await client.register()
    second = await client.refresh(first.refresh_token)

    assert second.session_id == first.session_id
    assert len({first.refresh_token, second.refresh_token, first.access_token, second.access_token}) == 4


async def test_a_lost_answer_is_repeated_without_advancing(client):
    first = await client.register()
    second = await client.refresh(first.refresh_token)
    again = await client.refresh(first.refresh_token)
    third = await client.refresh(second.refresh_token)

    assert again.refresh_token == second.refresh_token
    assert (await client.refresh(first.refresh_token)).refresh_token == third.refresh_token


async def test_a_thousand_concurrent_refreshes_rotate_once(world):
    first = await world.client.register()
    results = await asyncio.gather(*(world.client.refresh(first.refresh_token) for _ in range(1000)))
    (key,) = [key async for key in world.store.client.scan_iter(f"cv:auth:session:*{first.session_id}")]

    assert len({tokens.refresh_token for tokens in results}) == 1
    assert await world.store.client.hget(key, "counter") == b"1"


async def test_reuse_after_the_grace_ends_the_session_everywhere_within_a_second(world):
    first = await world.client.register()
    second = await world.client.refresh(first.refresh_token)
    async with following(world) as verifier:
        await verifier.verify(second.access_token)
        await let_time_pass(world.store, first, 11)
        with pytest.raises(Unauthenticated) as caught:
            await world.client.refresh(first.refresh_token)
        assert caught.value.reason == "refresh_token_reused"
        await until(lambda: refused(verifier, second.access_token), limit=1)
    with pytest.raises(Unauthenticated):
        await world.client.refresh(second.refresh_token)


async def test_sessions_are_independent_of_each_other_s_reuse(world):
    first = await world.client.register("family@example.com")
    other = await world.client.login("family@example.com")
    await world.client.refresh(first.refresh_token)
    await let_time_pass(world.store, first, 11)
    with pytest.raises(Unauthenticated):
        await world.client.refresh(first.refresh_token)

    assert (await world.client.refresh(other.refresh_token)).session_id == other.session_id


async def test_a_session_ends_at_its_absolute_age_though_it_is_used(world):
    tokens = await world.client.register()
    day = 24 * 3600
    await let_time_pass(world.store, tokens, 89.9 * day)
    tokens = await world.client.refresh(tokens.refresh_token)
    (key,) = [key async for key in world.store.client.scan_iter(f"cv:auth:session:*{tokens.session_id}")]

    assert await world.store.client.ttl(key) <= 0.1 * day


async def test_lost_redis_state_means_signing_in_again(world):
    tokens = await world.client.register()
    await world.store.client.flushdb()
    with pytest.raises(Unauthenticated) as caught:
        await world.client.refresh(tokens.refresh_token)

    assert caught.value.reason == "session_ended"


@pytest.mark.parametrize("token", ["", "cv_", "x" * 79, "cv_" + "A" * 76, "cv_" + "é" * 76])
async def test_a_token_that_was_not_issued_is_refused(client, token):
    with pytest.raises(Unauthenticated):
        await client.refresh(token)


# Ending sessions


@asynccontextmanager
async def following(world: World) -> AsyncIterator[TokenVerifier]:
    """A verifier as the gateway has one."""
    stub, settings = world.client.stub, world.settings
    verifier = TokenVerifier(jwks_of(stub), SystemClock(), settings.token_issuer, settings.token_audience)
    task = asyncio.create_task(follow(verifier, world.bus, stub))
    try:
        await until(lambda: knows_keys(verifier))
        yield verifier
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def knows_keys(verifier: TokenVerifier) -> bool:
    try:
        await verifier.probe()
        return True
    except CryptoVaultError:
        return False


async def refused(verifier: TokenVerifier, token: str) -> bool:
    try:
        await verifier.verify(token)
        return False
    except Unauthenticated:
        return True


async def test_signing_out_ends_both_tokens_at_once(world):
    tokens = await world.client.register()
    async with following(world) as verifier:
        await verifier.verify(tokens.access_token)
        await world.client.signed_in(tokens).call("Logout")
        await until(lambda: refused(verifier, tokens.access_token), limit=1)
    with pytest.raises(Unauthenticated):
        await world.client.refresh(tokens.refresh_token)


async def test_a_verifier_that_starts_later_knows_what_was_revoked(world):
    tokens = await world.client.register()
    await world.client.signed_in(tokens).call("Logout")
    async with following(world) as verifier:
        await until(lambda: refused(verifier, tokens.access_token), limit=1)

    listed = (await world.client.call("ListRevocations")).revocations
    assert tokens.session_id in [entry.session_id for entry in listed]


async def test_a_user_sees_and_ends_sessions_of_one_s_own_only(client):
    mine = await client.register("mine@example.com")
    second = await client.login("mine@example.com")
    stranger = await client.register()
    me = client.signed_in(mine)
    with pytest.raises(NotFound):
        await me.call("DeleteSession", session_id=stranger.session_id)
    await me.call("DeleteSession", session_id=second.session_id)
    sessions = (await me.call("ListSessions")).sessions

    assert [(item.session_id, item.current, item.user_agent) for item in sessions] == [(mine.session_id, True, "test")]
    assert (await client.refresh(stranger.refresh_token)).session_id == stranger.session_id
    with pytest.raises(Unauthenticated):
        await client.refresh(second.refresh_token)


async def test_a_password_change_ends_the_other_sessions(world):
    mine = await world.client.register("changer@example.com")
    other = await world.client.login("changer@example.com")
    me, new = world.client.signed_in(mine), "another long passphrase of mine"
    async with following(world) as verifier:
        await me.call("ChangePassword", current_password=PASSWORD, new_password=new)
        await until(lambda: refused(verifier, other.access_token), limit=1)
        assert not await refused(verifier, mine.access_token)
        renewed = await world.client.refresh(mine.refresh_token)
        assert (await verifier.verify(renewed.access_token)).epoch == 2
    with pytest.raises(Unauthenticated):
        await world.client.refresh(other.refresh_token)
    with pytest.raises(Unauthenticated):
        await world.client.login("changer@example.com")
    assert (await world.client.login("changer@example.com", new)).session_id


async def test_a_password_change_needs_the_present_password_and_a_good_new_one(client):
    me = client.signed_in(await client.register())
    with pytest.raises(InvalidInput) as caught:
        await me.call("ChangePassword", current_password="", new_password="short")
    assert {item.field for item in caught.value.fields} == {"current_password", "new_password"}
    with pytest.raises(InvalidInput) as caught:
        await me.call("ChangePassword", current_password="not the right one", new_password=PASSWORD + "!")
    assert [item.field for item in caught.value.fields] == ["current_password"]


async def test_the_operator_can_sign_an_account_out_everywhere(world):
    tokens = await world.client.register("thief@example.com")
    async with following(world) as verifier:
        assert await SERVICE.commands["end-sessions"].run(world.settings, ["thief@example.com"]) == 0
        await until(lambda: refused(verifier, tokens.access_token))
    with pytest.raises(Unauthenticated):
        await world.client.refresh(tokens.refresh_token)


@pytest.mark.parametrize("name", ["Logout", "GetMe", "ListSessions", "DeleteSession", "ChangePassword"])
async def test_what_concerns_a_user_needs_one(client, name):
    with pytest.raises(Unauthenticated):
        await client.call(name)


# Keys


async def test_another_library_verifies_our_tokens_with_the_published_keys(client):
    tokens = await client.register()
    header = jwt.get_unverified_header(tokens.access_token)
    keys = {key.kid: key for key in (await client.call("GetJwks")).keys}
    x = keys[header["kid"]].x
    public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(x + "=" * (-len(x) % 4)))
    signed, _, signature = tokens.access_token.rpartition(".")
    public.verify(base64.urlsafe_b64decode(signature + "=="), signed.encode())

    assert header == {"alg": "EdDSA", "typ": "at+jwt", "kid": header["kid"]}


async def test_replicas_share_keys_and_sessions(world):
    async with running(replace(world.settings, port=free_port())) as stub:
        tokens = await world.client.register()
        renewed = await Client(stub).refresh(tokens.refresh_token)
        ours, theirs = (await world.client.call("GetJwks")).keys, (await Client(stub).call("GetJwks")).keys

    assert renewed.session_id == tokens.session_id
    assert [key.kid for key in ours] == [key.kid for key in theirs]


async def test_a_rotated_key_is_published_before_it_signs(world):
    table = KeyTable(world.database, Vault(bytes(32)), SystemClock(), token_life=600)
    before = await table.load(period=7 * 24 * 3600)
    assert await SERVICE.commands["rotate-keys"].run(world.settings, []) == 0
    after = await table.load(period=7 * 24 * 3600)
    now = time.time()

    assert len(after.signing.published(now)) == len(before.signing.published(now)) + 1
    assert after.signing.active(now) == before.signing.active(now)


async def test_stored_keys_are_unreadable_without_the_encryption_key(world):
    table = KeyTable(world.database, Vault(None), SystemClock(), token_life=600)
    with pytest.raises(KeysUnreadable):
        await table.load(period=7 * 24 * 3600)


# Audit


async def test_every_act_is_in_the_audit_log_and_no_secret_is(world):
    email = f"{secrets.token_hex(6)}@example.com"
    tokens = await world.client.register(email)
    me = world.client.signed_in(tokens)
    with pytest.raises(Unauthenticated):
        await world.client.login(email, "not the right password")
    await me.call("Logout")
    user_id = me.caller.user_id
    await until(lambda: has_events(world, user_id, 4))

    assert await audit_events(world, user_id) == ["registered", "signed_in", "sign_in_failed", "signed_out"]
    everything = await world.database.fetchval("SELECT string_agg(content, '') FROM auth.audit_log")
    assert email not in everything
    assert "password" not in everything.replace("password_change", "")


async def has_events(world: World, user_id: str, count: int) -> bool:
    return len(await audit_events(world, user_id)) == count


async def test_the_audit_log_is_append_only_and_shows_tampering(world):
    await world.client.register()
    check = SERVICE.commands["verify-audit"]
    assert await check.run(world.settings, []) == 0
    for statement in (
        "UPDATE auth.audit_log SET content = ''",
        "DELETE FROM auth.audit_log",
        "TRUNCATE auth.audit_log",
    ):
        with pytest.raises(Exception, match="append-only"):
            await world.database.execute(statement)
    async with world.database.transaction() as connection:
        await connection.execute("SET session_replication_role = replica")
        await connection.execute("UPDATE auth.audit_log SET content = replace(content, 'registered', 'signed_in')")
        await connection.execute("SET session_replication_role = DEFAULT")
    assert await check.run(world.settings, []) == 1
