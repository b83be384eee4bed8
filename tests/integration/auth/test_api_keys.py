"""API keys in a running auth service: made, resolved, revoked; what is away; the operator's commands."""

import asyncio
from dataclasses import replace

import msgspec
import pytest

from services.auth.wiring import SERVICE
from services.kit.api_keys import parse
from services.kit.errors import NotFound, PermissionDenied, Unauthenticated, Unavailable
from services.kit.testing import free_port
from tests.integration.auth.service import Client, following, running, until
from tests.integration.test_prices_outages import Line

pytestmark = pytest.mark.integration


async def owner(client: Client, *scopes: str, email: str = "") -> Client:
    """A signed-in user."""
    signed_in = client.signed_in(await client.register(email))
    return Client(signed_in.stub, msgspec.structs.replace(signed_in.caller, scopes=frozenset(scopes)))


async def resolve(client: Client, text: str):
    key = parse(text)
    return await client.call("ResolveApiKey", key_id=key.key_id, digest=key.digest)


async def test_a_key_is_shown_once_and_tells_whose_it_is(world):
    me = await owner(world.client)
    created = await me.call("CreateApiKey", name="bot")
    listed = (await me.call("ListApiKeys")).api_keys
    found = await resolve(world.client, created.key)

    assert (found.user_id, found.tier, list(found.scopes)) == (me.caller.user_id, "free", [])
    assert [(item.key_id, item.name) for item in listed] == [(created.api_key.key_id, "bot")]
    assert created.key.startswith(listed[0].prefix + "_")
    assert created.key not in str(listed)
    assert not listed[0].HasField("expires_at")


async def test_the_database_holds_no_key(world):
    created = await (await owner(world.client)).call("CreateApiKey", name="bot")
    row = await world.database.fetchrow("SELECT * FROM auth.api_keys WHERE key_id = $1", created.api_key.key_id)
    log = await world.database.fetch("SELECT content FROM auth.audit_log")

    assert created.key[25:] not in str(dict(row))
    assert created.key[25:] not in str([entry["content"] for entry in log])
    assert created.api_key.key_id in str([entry["content"] for entry in log])


async def test_use_is_remembered(world):
    me = await owner(world.client)
    created = await me.call("CreateApiKey", name="bot")
    before = (await me.call("ListApiKeys")).api_keys[0]
    await resolve(world.client, created.key)
    after = (await me.call("ListApiKeys")).api_keys[0]

    assert (before.HasField("last_used_at"), after.HasField("last_used_at")) == (False, True)


async def test_a_scope_that_the_owner_loses_is_lost_to_the_key(world):
    me = await owner(world.client, "admin")
    created = await me.call("CreateApiKey", name="bot", scopes=["admin"])
    assert list((await resolve(world.client, created.key)).scopes) == []

    await world.database.execute("UPDATE auth.users SET scopes = '{admin}' WHERE user_id = $1", me.caller.user_id)
    assert list((await resolve(world.client, created.key)).scopes) == ["admin"]


async def test_a_revoked_key_is_unknown_at_once_and_announced_within_a_second(world):
    me = await owner(world.client)
    created = await me.call("CreateApiKey", name="bot")
    async with following(world) as verifier:
        await me.call("DeleteApiKey", key_id=created.api_key.key_id)
        await until(lambda: concerned(verifier, created.api_key.key_id), limit=1)
    with pytest.raises(Unauthenticated):
        await resolve(world.client, created.key)
    assert not (await me.call("ListApiKeys")).api_keys
    await me.call("DeleteApiKey", key_id=created.api_key.key_id)


async def concerned(verifier, key_id: str) -> bool:
    return verifier.revocations.concern("", key_id, 0)


async def test_users_see_and_revoke_their_own_keys_only(world):
    mine = await (await owner(world.client)).call("CreateApiKey", name="bot")
    stranger = await owner(world.client)
    for key_id in (mine.api_key.key_id, "no such key", "\0"):
        with pytest.raises(NotFound):
            await stranger.call("DeleteApiKey", key_id=key_id)

    assert not (await stranger.call("ListApiKeys")).api_keys
    assert await resolve(world.client, mine.key)


async def test_keys_made_at_the_same_time_do_not_exceed_the_limit(settings):
    async with running(replace(settings, port=free_port(), api_keys_per_user=3)) as stub:
        me = await owner(Client(stub))
        wishes = (me.call("CreateApiKey", name=str(number)) for number in range(8))
        results = await asyncio.gather(*wishes, return_exceptions=True)

        assert sum(isinstance(result, PermissionDenied) for result in results) == 5
        assert len((await me.call("ListApiKeys")).api_keys) == 3


async def test_the_operator_sets_budgets_and_revokes_all(world):
    me = await owner(world.client, email="pro@example.com")
    created = await me.call("CreateApiKey", name="bot")
    assert await SERVICE.commands["set-api-key-tier"].run(world.settings, [created.api_key.key_id, "pro"]) == 0
    assert (await resolve(world.client, created.key)).tier == "pro"
    assert await SERVICE.commands["set-api-key-tier"].run(world.settings, ["0" * 16, "pro"]) == 1

    assert await SERVICE.commands["revoke-api-keys"].run(world.settings, ["pro@example.com"]) == 0
    with pytest.raises(Unauthenticated):
        await resolve(world.client, created.key)


async def test_without_postgresql_nobody_is_told_that_a_key_is_wrong(settings):
    line = Line(settings.database_url)
    await line.mend()
    async with running(replace(settings, port=free_port(), database_url=line.url)) as stub:
        client = Client(stub)
        created = await (await owner(client)).call("CreateApiKey", name="bot")
        line.cut()
        with pytest.raises(Unavailable):
            await resolve(client, created.key)
        await line.mend()
        await until(lambda: resolves(client, created.key), limit=8)
    line.cut()


async def resolves(client: Client, text: str) -> bool:
    try:
        return bool(await resolve(client, text))
    except Unavailable:
        return False


@pytest.mark.parametrize("name", ["CreateApiKey", "ListApiKeys", "DeleteApiKey"])
async def test_what_concerns_keys_needs_a_user(client, name):
    with pytest.raises(Unauthenticated):
        await client.call(name)
