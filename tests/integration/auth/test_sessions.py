"""How sessions are carried on by refresh tokens, and how they end."""

import asyncio

import pytest
from cryptovault.auth.v1 import auth_service_pb2 as pb

from services.auth.wiring import SERVICE
from services.kit.errors import InvalidInput, NotFound, Unauthenticated
from services.kit.store import Store
from tests.integration.auth.service import PASSWORD, following, refused, until

pytestmark = pytest.mark.integration


async def let_time_pass(store: Store, tokens: pb.Tokens, seconds: float) -> None:
    """Make a session older: everything it remembers happened earlier."""
    (key,) = [key async for key in store.client.scan_iter(f"cv:auth:session:*{tokens.session_id}")]
    for name in await store.client.hkeys(key):
        if name.startswith(b"spent:") or name in (b"created_at", b"seen_at", b"ends_at"):
            await store.client.hincrby(key, name, -round(seconds * 1000))


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
