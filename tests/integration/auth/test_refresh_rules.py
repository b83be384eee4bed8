"""The refresh rules, as the Lua scripts in Redis follow them, against a model in Python."""

import asyncio
import secrets
from uuid import uuid4

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from services.auth.adapters.sessions import RedisSessions, SessionRules
from services.auth.domain.model import Account, Ending
from services.auth.domain.refresh_token import RefreshTokenReused
from services.kit.caller import Caller
from services.kit.errors import Unauthenticated
from services.kit.store import Store

pytestmark = pytest.mark.integration

GRACE = 1000.0  # seconds
RULES = SessionRules(idle=30 * 24 * 3600, life=90 * 24 * 3600, grace=GRACE)
STEPS = (310.0, 730.0, 1100.0)  # seconds; no sum of them comes near the grace


class Model:
    """One session, in the plainest words."""

    def __init__(self) -> None:
        self.counter = 0
        self.spent: dict[int, float] = {}
        self.now = 0.0
        self.ended = False

    def refresh(self, presented: int) -> str:
        if self.ended or presented > self.counter:
            return "refused"
        if presented == self.counter:
            self.spent[presented] = self.now
            self.counter += 1
            return f"current is {self.counter}"
        if self.now - self.spent[presented] <= GRACE:
            return f"current is {self.counter}"
        self.ended = True
        return "reused"


class RefreshMachine(RuleBasedStateMachine):
    """Any order of refreshes, pauses and ends."""

    url = ""

    @initialize()
    def open(self) -> None:
        self.runner = asyncio.Runner()
        self.opened = Store.open(self.url)
        self.store = self.runner.run(self.opened.__aenter__())
        self.sessions = RedisSessions(self.store, RULES)
        self.account = Account(str(uuid4()), "a@b.test", "a", frozenset({"admin"}), 1, True, 0.0)
        self.session_id = secrets.token_hex(16)
        self.model = Model()
        self.runner.run(self.sessions.open(self.account, self.session_id, Caller()))

    @rule(back=st.integers(-1, 3))
    def refresh(self, back: int) -> None:
        presented = max(0, self.model.counter - back)
        expected = self.model.refresh(presented)
        assert self.runner.run(self.outcome(presented)) == expected

    @rule(seconds=st.sampled_from(STEPS))
    def let_time_pass(self, seconds: float) -> None:
        self.model.now += seconds
        self.runner.run(self.age(seconds))

    @precondition(lambda self: self.model.counter > 3)
    @rule()
    def end(self) -> None:
        ending = self.runner.run(self.sessions.end(self.account.user_id, self.session_id, "logout"))
        assert ending is (Ending.BEFORE if self.model.ended else Ending.NOW)
        self.model.ended = True

    @invariant()
    def is_listed_while_it_lives(self) -> None:
        if hasattr(self, "model"):
            listed = self.runner.run(self.sessions.list(self.account.user_id))
            assert len(listed) == (0 if self.model.ended else 1)

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.runner.run(self.opened.__aexit__(None, None, None))
            self.runner.close()

    async def outcome(self, counter: int) -> str:
        try:
            grant = await self.sessions.refresh(self.account.user_id, self.session_id, counter)
        except RefreshTokenReused:
            return "reused"
        except Unauthenticated:
            return "refused"
        assert (grant.scopes, grant.epoch) == (frozenset({"admin"}), 1)
        return f"current is {grant.counter}"

    async def age(self, seconds: float) -> None:
        (key,) = [key async for key in self.store.client.scan_iter(f"cv:auth:session:*{self.session_id}", count=1000)]
        for name in await self.store.client.hkeys(key):
            if name.startswith(b"spent:"):
                await self.store.client.hincrby(key, name, -round(seconds * 1000))


def test_the_scripts_follow_the_model(valkey_url):
    RefreshMachine.url = valkey_url
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large]
    rules = settings(max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=checks)

    run_state_machine_as_test(RefreshMachine, settings=rules)  # asserts after every step
    assert RefreshMachine.url == valkey_url  # the real scripts were driven


async def test_what_is_spent_is_forgotten_after_the_grace(valkey_url):
    async with Store.open(valkey_url) as store:
        sessions = RedisSessions(store, SessionRules(idle=60, life=60, grace=0.02))
        account = Account(str(uuid4()), "a@b.test", "a", frozenset(), 1, True, 0.0)
        session_id = secrets.token_hex(16)
        await sessions.open(account, session_id, Caller())
        for counter in range(30):
            await sessions.refresh(account.user_id, session_id, counter)
            await asyncio.sleep(0.005)
        (key,) = [key async for key in store.client.scan_iter(f"cv:auth:session:*{session_id}", count=1000)]

        assert await store.client.hlen(key) < 20


async def test_the_oldest_session_ends_when_there_are_too_many(valkey_url):
    async with Store.open(valkey_url) as store:
        sessions = RedisSessions(store, RULES)
        account = Account(str(uuid4()), "a@b.test", "a", frozenset(), 1, True, 0.0)
        ids = [secrets.token_hex(16) for _ in range(51)]
        displaced = [(await sessions.open(account, session_id, Caller()))[1] for session_id in ids]
        listed = [item.session_id for item in await sessions.list(account.user_id)]

    assert [len(items) for items in displaced] == [0] * 50 + [1]
    assert len(listed) == 50


async def test_a_sign_in_that_began_before_a_password_change_is_refused(valkey_url):
    async with Store.open(valkey_url) as store:
        sessions = RedisSessions(store, RULES)
        before = Account(str(uuid4()), "a@b.test", "a", frozenset(), 1, True, 0.0)
        await sessions.end_others(before.user_id, "", 2, "password_changed")
        with pytest.raises(Unauthenticated):
            await sessions.open(before, secrets.token_hex(16), Caller())

        assert await sessions.list(before.user_id) == []
