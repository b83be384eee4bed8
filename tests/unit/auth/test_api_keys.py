"""The form of API keys, and the rules of making, resolving and revoking them."""

import re

import pytest

from services.auth.domain.api_keys import ApiKeyDesk
from services.auth.domain.audit import AuditEntry, Event
from services.auth.domain.model import ApiKeyRecord, Ended, Ending
from services.kit.api_keys import ApiKey, digest_of, generate, parse
from services.kit.caller import Caller
from services.kit.errors import InvalidInput, NotFound, PermissionDenied, Unauthenticated, Unavailable
from services.kit.testing import FakeClock

OWNER = Caller(user_id="u1", session_id="s1", scopes=frozenset({"admin"}), client_ip="192.0.2.7")


class FakeApiKeys:
    """Keeps keys in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[ApiKeyRecord, bytes]] = {}
        self.used: dict[str, float] = {}
        self.revoked: set[str] = set()
        self.writable = True

    async def add(self, record, digest, most):
        if len(self.kept) - len(self.revoked) >= most:
            return False
        self.kept[record.key_id] = (record, digest)
        return True

    async def list(self, user_id):
        return [record for record, _ in self.kept.values() if record.user_id == user_id]

    async def find(self, key_id):
        return None if key_id in self.revoked else self.kept.get(key_id)

    async def mark_used(self, key_id, now):
        if not self.writable:
            raise Unavailable
        self.used[key_id] = now

    async def revoke(self, user_id, key_id):
        if key_id not in self.kept or self.kept[key_id][0].user_id != user_id:
            return Ending.UNKNOWN
        ending = Ending.BEFORE if key_id in self.revoked else Ending.NOW
        self.revoked.add(key_id)
        return ending

    async def revoke_all(self, user_id):
        self.revoked |= set(self.kept)
        return list(self.kept)

    async def set_tier(self, key_id, tier):
        return self.kept[key_id][0].user_id if key_id in self.kept else None


class Heard:
    """What was announced, and what was written in the audit log."""

    def __init__(self) -> None:
        self.ended: list[Ended] = []
        self.events: list[tuple[Event, str]] = []
        self.away = False

    async def announce(self, ended):
        self.ended += ended
        if self.away:
            raise Unavailable

    async def unexpired(self):
        return self.ended

    async def record(self, entry: AuditEntry) -> None:
        self.note(entry)

    def note(self, entry: AuditEntry) -> None:
        self.events.append((entry.event, entry.key_id))


@pytest.fixture
def stored() -> FakeApiKeys:
    return FakeApiKeys()


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def desk(stored: FakeApiKeys, heard: Heard, clock: FakeClock) -> ApiKeyDesk:
    return ApiKeyDesk(stored, heard, heard, clock, tier="free", most=2)


def test_a_key_says_its_id_and_nothing_of_it_is_kept_but_a_hash():
    text, key = generate()
    assert re.fullmatch(r"cv_live_[0-9a-f]{16}_[0-9A-Za-z]{49}", text)
    assert key == parse(text) == ApiKey(text[8:24], digest_of(text))
    assert text[25:] not in repr(key)


def test_no_two_keys_are_the_same():
    assert len({generate()[0] for _ in range(1000)}) == 1000


@pytest.mark.parametrize("position", range(74))
def test_a_mistyped_key_is_refused_without_asking(position):
    text, _ = generate()
    wrong = "0" if text[position] != "0" else "1"
    with pytest.raises(Unauthenticated):
        parse(text[:position] + wrong + text[position + 1 :])


@pytest.mark.parametrize("text", ["", "cv_live_", "x" * 74, "cv_live_" + "é" * 66, "cv_live_" + "0" * 66])
def test_what_is_no_key_is_refused(text):
    with pytest.raises(Unauthenticated) as caught:
        parse(text)
    assert caught.value.reason == "api_key_invalid"


@pytest.mark.parametrize("suffix", ["\n", " ", "\0", "0"])
def test_nothing_may_follow_a_key(suffix):
    with pytest.raises(Unauthenticated):
        parse(generate()[0] + suffix)


async def test_a_new_key_is_resolved_and_remembered_as_used(desk, stored, clock):
    text, record = await desk.create(" bot ", ["admin"], None, OWNER)
    assert await desk.resolve(parse(text)) == record
    assert (record.name, record.tier, record.scopes) == ("bot", "free", {"admin"})
    assert stored.used == {record.key_id: clock.time()}


async def test_a_key_is_resolved_though_its_use_cannot_be_written(desk, stored):
    text, record = await desk.create("bot", [], None, OWNER)
    stored.writable = False
    assert await desk.resolve(parse(text)) == record


async def test_the_right_id_with_another_secret_is_refused(desk):
    _, record = await desk.create("bot", [], None, OWNER)
    with pytest.raises(Unauthenticated):
        await desk.resolve(ApiKey(record.key_id, bytes(32)))


async def test_a_key_ends_when_it_was_told_to(desk, clock):
    text, _ = await desk.create("bot", [], clock.time() + 60, OWNER)
    clock.advance(59.9)
    await desk.resolve(parse(text))
    clock.advance(0.1)
    with pytest.raises(Unauthenticated):
        await desk.resolve(parse(text))


async def test_all_that_is_wrong_with_a_wish_is_named(desk, clock):
    with pytest.raises(InvalidInput) as caught:
        await desk.create(" ", ["admin", "root"], clock.time(), OWNER)
    assert [item.field for item in caught.value.fields] == ["name", "scopes", "expires_at"]
    assert "'root'" in caught.value.detail


@pytest.mark.parametrize("name", ["x" * 65, "a\0b", "a\nb"])
async def test_names_are_short_and_printable(desk, name):
    with pytest.raises(InvalidInput):
        await desk.create(name, [], None, OWNER)


async def test_an_account_has_so_many_keys_at_most(desk):
    for _ in range(2):
        await desk.create("bot", [], None, OWNER)
    with pytest.raises(PermissionDenied) as caught:
        await desk.create("bot", [], None, OWNER)
    assert caught.value.reason == "too_many_api_keys"


async def test_revoking_is_announced_and_audited_once(desk, heard):
    text, record = await desk.create("bot", [], None, OWNER)
    await desk.revoke(record.key_id, OWNER)
    with pytest.raises(Unauthenticated):
        await desk.resolve(parse(text))
    assert heard.ended == [Ended("u1", record.key_id, 0, "api_key_revoked")]
    assert heard.events == [(Event.API_KEY_CREATED, record.key_id), (Event.API_KEY_REVOKED, record.key_id)]


async def test_revoking_again_announces_again_because_the_first_may_have_failed(desk, heard):
    _, record = await desk.create("bot", [], None, OWNER)
    heard.away = True
    with pytest.raises(Unavailable):
        await desk.revoke(record.key_id, OWNER)
    heard.away = False
    await desk.revoke(record.key_id, OWNER)
    assert [item.session_id for item in heard.ended] == [record.key_id] * 2


async def test_nobody_revokes_somebody_else_s_key(desk, heard):
    _, record = await desk.create("bot", [], None, OWNER)
    with pytest.raises(NotFound):
        await desk.revoke(record.key_id, Caller(user_id="u2"))
    assert heard.ended == []


async def test_only_users_have_keys(desk):
    for attempt in (desk.create("bot", [], None, Caller()), desk.list(Caller()), desk.revoke("x", Caller())):
        with pytest.raises(Unauthenticated):
            await attempt


async def test_a_tier_is_a_plain_word_and_its_key_is_known(desk, heard):
    _, record = await desk.create("bot", [], None, OWNER)
    with pytest.raises(InvalidInput):
        await desk.set_tier(record.key_id, "Pro plan", OWNER)
    with pytest.raises(NotFound):
        await desk.set_tier("0" * 16, "pro", OWNER)
    await desk.set_tier(record.key_id, "pro", OWNER)
    assert heard.events[-1] == (Event.API_KEY_TIER_SET, record.key_id)
