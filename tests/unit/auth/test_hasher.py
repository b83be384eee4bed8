"""Password hashing beside the event loop."""

import asyncio

import pytest

from services.auth.adapters.hasher import Argon2Hasher, HashRules
from services.kit.errors import Unavailable

RULES = HashRules(memory_kib=64, passes=1, lanes=1, workers=1, queue=2)


async def test_only_the_right_password_fits():
    async with Argon2Hasher.open(RULES) as hasher:
        stored = await hasher.hash("a password of mine")

        assert stored.startswith("$argon2id$v=19$m=64,t=1,p=1$")
        assert await hasher.verify(stored, "a password of mine")
        assert not await hasher.verify(stored, "a password of mine ")
        assert not await hasher.verify(stored, "A password of mine")


async def test_no_password_fits_where_there_is_no_hash_or_a_broken_one():
    async with Argon2Hasher.open(RULES) as hasher:
        assert not await hasher.verify(None, "whatever")
        assert not await hasher.verify("broken", "whatever")


async def test_who_comes_when_the_queue_is_full_is_told_to_come_back():
    async with Argon2Hasher.open(RULES) as hasher:
        results = await asyncio.gather(*(hasher.hash("x") for _ in range(6)), return_exceptions=True)
        refused = [result for result in results if isinstance(result, Unavailable)]

        assert len(refused) == 3
        assert refused[0].retry_after == 1.0
        assert await hasher.hash("x")


async def test_a_caller_who_leaves_keeps_the_place_until_the_work_is_done():
    async with Argon2Hasher.open(HashRules(8192, 4, 1, workers=1, queue=0)) as hasher:
        leaving = asyncio.create_task(hasher.hash("x"))
        await asyncio.sleep(0)
        leaving.cancel()
        with pytest.raises(Unavailable):
            await hasher.hash("y")


async def test_other_parameters_make_a_hash_outdated():
    async with Argon2Hasher.open(RULES) as hasher:
        assert not hasher.is_outdated(await hasher.hash("x"))
        assert hasher.is_outdated("$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$" + "A" * 43)
