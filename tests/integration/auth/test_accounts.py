"""Registering, signing in, passwords: real gRPC, PostgreSQL, Valkey and NATS."""

import asyncio
import time
from collections import Counter
from dataclasses import replace
from functools import partial

import pytest

from services.auth.wiring import SERVICE
from services.kit.errors import (
    AlreadyExists,
    CryptoVaultError,
    InvalidInput,
    PermissionDenied,
    TooManyRequests,
    Unauthenticated,
)
from services.kit.testing import free_port
from tests.integration.auth.service import ADMIN, Client, running, until

pytestmark = pytest.mark.integration


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
