"""Signing keys, and the audit log."""

import base64
import secrets
import time
from dataclasses import replace

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from services.auth.adapters.keys import KeysUnreadable, KeyTable, Vault
from services.auth.wiring import SERVICE
from services.kit.clock import SystemClock
from services.kit.errors import Unauthenticated
from services.kit.testing import free_port
from tests.integration.auth.service import Client, World, running, until

pytestmark = pytest.mark.integration


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


async def audit_events(world: World, user_id: str) -> list[str]:
    rows = await world.database.fetch(
        "SELECT content::jsonb ->> 'event' AS event FROM auth.audit_log WHERE content::jsonb ->> 'user_id' = $1"
        " ORDER BY number",
        user_id,
    )
    return [row["event"] for row in rows]


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
