"""The verifier of access tokens (services.kit.tokens) against what RFC 8725 warns of."""

import base64
import hashlib
import hmac
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptovault.auth.v1.auth_service_pb2 import Jwk, Revocation
from cryptovault.events.v1.events_pb2 import AuthRevoked

from services.kit.errors import Unauthenticated, Unavailable
from services.kit.testing import FakeClock
from services.kit.tokens import REFETCH_INTERVAL, TokenVerifier, WrongToken

ISSUER, AUDIENCE = "https://issuer.test", "cryptovault"


class Issuer:
    """Signs tokens and publishes keys, as auth does."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.keys = {"k1": Ed25519PrivateKey.generate()}
        self.fetches = 0
        self.away = False

    async def fetch_jwks(self) -> list[Jwk]:
        self.fetches += 1
        if self.away:
            raise Unavailable
        return [jwk(key_id, key) for key_id, key in self.keys.items()]

    def payload(self, **changes):
        now = int(self.clock.time())
        return {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "u1",
            "sid": "s1",
            "jti": "t1",
            "epoch": 3,
            "scope": "admin read",
            "iat": now,
            "exp": now + 600,
        } | changes

    def token(self, key_id="k1", header=None, **changes) -> str:
        headers = {"typ": "at+jwt", "kid": key_id} | (header or {})
        return jwt.encode(self.payload(**changes), self.keys[key_id], "EdDSA", headers=headers)


def jwk(key_id: str, key: Ed25519PrivateKey) -> Jwk:
    x = base64.urlsafe_b64encode(key.public_key().public_bytes_raw()).rstrip(b"=").decode()
    return Jwk(kty="OKP", crv="Ed25519", x=x, kid=key_id, alg="EdDSA", use="sig")


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def issuer(clock: FakeClock) -> Issuer:
    return Issuer(clock)


@pytest.fixture
def verifier(issuer: Issuer, clock: FakeClock) -> TokenVerifier:
    return TokenVerifier(issuer.fetch_jwks, clock, ISSUER, AUDIENCE)


async def refusal(verifier: TokenVerifier, token: str) -> str:
    with pytest.raises(Unauthenticated) as caught:
        await verifier.verify(token)
    return caught.value.detail


async def test_a_valid_token_tells_its_claims(verifier, issuer, clock):
    claims = await verifier.verify(issuer.token())

    assert (claims.user_id, claims.session_id, claims.token_id, claims.epoch) == ("u1", "s1", "t1", 3)
    assert claims.scopes == {"admin", "read"}
    assert claims.expires_at == clock.time() + 600


async def test_a_token_seen_before_costs_five_microseconds_at_most(verifier, issuer):
    token = issuer.token()
    await verifier.verify(token)
    best = min([await timed(verifier, token) for _ in range(20)])

    assert best <= 5e-6


async def timed(verifier: TokenVerifier, token: str) -> float:
    began = time.perf_counter()
    for _ in range(200):
        await verifier.verify(token)
    return (time.perf_counter() - began) / 200


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", ""])
async def test_an_unsigned_token_is_refused(verifier, issuer, algorithm):
    header = part({"alg": algorithm, "typ": "at+jwt", "kid": "k1"})

    assert "algorithm" in await refusal(verifier, f"{header}.{part(issuer.payload())}.")


async def test_the_public_key_is_no_hmac_secret(verifier, issuer):
    await verifier.refresh_keys()
    secret = issuer.keys["k1"].public_key().public_bytes_raw()
    signed = f"{part({'alg': 'HS256', 'typ': 'at+jwt', 'kid': 'k1'})}.{part(issuer.payload())}"
    mac = hmac.new(secret, signed.encode(), hashlib.sha256).digest()

    detail = await refusal(verifier, f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}")

    assert "algorithm" in detail


async def test_another_asymmetric_algorithm_is_refused(verifier, issuer):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    token = jwt.encode(issuer.payload(), key, "RS256", headers={"typ": "at+jwt", "kid": "k1"})

    assert "algorithm" in await refusal(verifier, token)


async def test_a_key_brought_along_by_the_token_is_ignored(verifier, issuer):
    stranger = Ed25519PrivateKey.generate()
    header = {"typ": "at+jwt", "kid": "k1", "jku": "https://evil.test", "x5u": "https://evil.test"}
    x = jwk("k1", stranger).x
    header["jwk"] = {"kty": "OKP", "crv": "Ed25519", "x": x}
    token = jwt.encode(issuer.payload(), stranger, "EdDSA", headers=header)

    assert "signature" in await refusal(verifier, token)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"aud": "another"}, "audience"),
        ({"iss": "https://evil.test"}, "issuer"),
        ({"sub": 7}, "malformed"),
        ({"sid": None}, "malformed"),
        ({"epoch": "3"}, "malformed"),
        ({"nbf": 9e9}, "not valid yet"),
        ({"exp": 1}, "expired"),
    ],
)
async def test_claims_that_do_not_fit_are_refused_by_name(verifier, issuer, changes, word):
    assert word in await refusal(verifier, issuer.token(**changes))


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "sid", "jti", "epoch", "scope", "exp", "iat"])
async def test_no_claim_may_be_missing(verifier, issuer, name):
    payload = issuer.payload()
    del payload[name]
    token = jwt.encode(payload, issuer.keys["k1"], "EdDSA", headers={"typ": "at+jwt", "kid": "k1"})

    assert await refusal(verifier, token)


@pytest.mark.parametrize("kind", ["JWT", "rt+jwt", None])
async def test_a_token_of_another_type_is_refused(verifier, issuer, kind):
    assert "type" in await refusal(verifier, issuer.token(header={"typ": kind}))


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "....", "é.é.é", "\ud800", "a" * 5000, "e30.e30.e30"])
async def test_garbage_is_refused(verifier, token):
    assert await refusal(verifier, token)


async def test_a_token_expires_while_it_is_remembered(verifier, issuer, clock):
    token = issuer.token()
    await verifier.verify(token)
    clock.advance(600)

    assert "expired" in await refusal(verifier, token)


async def test_a_revoked_session_ends_tokens_seen_before(verifier, issuer):
    token, other = issuer.token(), issuer.token(sid="s2")
    await verifier.verify(token)
    verifier.revoke(AuthRevoked(user_id="u1", session_id="s1"))

    assert "ended" in await refusal(verifier, token)
    assert (await verifier.verify(other)).session_id == "s2"


async def test_a_new_epoch_ends_the_account_s_older_tokens(verifier, issuer):
    verifier.load([Revocation(user_id="u1", epoch=4)])

    assert "ended" in await refusal(verifier, issuer.token())
    assert (await verifier.verify(issuer.token(epoch=4))).epoch == 4
    assert (await verifier.verify(issuer.token(sub="u2"))).user_id == "u2"


async def test_a_revocation_is_forgotten_when_every_token_it_concerns_has_expired(verifier, clock):
    event = AuthRevoked(user_id="u1", session_id="s1")
    event.expires_at.FromSeconds(int(clock.time()) + 600)
    verifier.revoke(event)
    clock.advance(601)
    verifier.revoke(AuthRevoked(user_id="u2", session_id="s2"))

    assert len(verifier.revocations) == 1


async def test_listeners_hear_of_each_revocation_once(verifier):
    heard = []
    verifier.revocations.on_revoked(heard.append)
    verifier.revoke(AuthRevoked(user_id="u1", session_id="s1", reason="logout"))
    verifier.load([Revocation(user_id="u1", session_id="s1")])

    assert [(entry.session_id, entry.reason) for entry in heard] == [("s1", "logout")]
    assert heard[0].concerns("u1", "s1", 3)


async def test_a_new_key_is_fetched_when_a_token_names_it(verifier, issuer, clock):
    await verifier.refresh_keys()
    issuer.keys["k2"] = Ed25519PrivateKey.generate()

    assert (await verifier.verify(issuer.token(key_id="k2"))).user_id == "u1"


async def test_unknown_keys_cause_one_fetch_per_interval(verifier, issuer, clock):
    await verifier.refresh_keys()
    forged = [issuer.token(header={"kid": f"x{number}"}) for number in range(20)]
    details = {await refusal(verifier, token) for token in forged}
    clock.advance(REFETCH_INTERVAL)
    details.add(await refusal(verifier, forged[0]))

    assert details == {"the access token is signed with an unknown key"}
    assert issuer.fetches == 3


async def test_known_keys_keep_verifying_while_auth_is_away(verifier, issuer):
    await verifier.refresh_keys()
    issuer.away = True
    token = issuer.token()

    assert (await verifier.verify(token)).user_id == "u1"
    with pytest.raises(Unavailable):
        await verifier.verify(issuer.token(header={"kid": "new"}))


async def test_before_the_first_keys_a_token_is_neither_good_nor_bad(verifier, issuer, clock):
    issuer.away = True
    with pytest.raises(Unavailable):
        await verifier.verify(issuer.token())
    with pytest.raises(Unavailable):
        await verifier.probe()
    issuer.away = False
    clock.advance(REFETCH_INTERVAL)

    assert (await verifier.verify(issuer.token())).user_id == "u1"


async def test_only_what_was_verified_in_vain_is_a_wrong_token(verifier, issuer, clock):
    forged, for_others, early = Issuer(clock).token(), issuer.token(aud="others"), issuer.token(nbf=clock.time() + 60)
    late, unknown_key, genuine = issuer.token(exp=clock.time() - 1), issuer.token(header={"kid": "k9"}), issuer.token()

    assert [await is_wrong(verifier, token) for token in (forged, for_others, early)] == [True] * 3
    assert [await is_wrong(verifier, token) for token in (late, unknown_key, "x.y.z", genuine)] == [False] * 4


async def test_a_token_is_known_once_it_was_verified_though_it_counts_no_longer(verifier, issuer, clock):
    token = issuer.token()
    before = verifier.knows(token)
    await verifier.verify(token)
    clock.advance(601)

    assert (before, verifier.knows(token), verifier.recall(token)) == (False, True, None)


async def is_wrong(verifier: TokenVerifier, token: str) -> bool:
    try:
        await verifier.verify(token)
    except Unauthenticated as error:
        return isinstance(error, WrongToken)
    return False
