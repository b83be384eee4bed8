"""Whose an API key is: asked of auth once, and then known here.

A key is known for five minutes (KEPT_SECONDS), and asked for again every 30 s, beside the requests that use it: so what
changes in auth counts soon, and known keys go on while auth is away. A revoked key counts no longer once that is heard,
as with tokens (services.kit.revocations). Auth is not asked about what cannot be a key, what it refused before, or what
an address shows that has shown many wrong credentials.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import grpc
from cryptovault.auth.v1.auth_service_pb2 import ResolveApiKeyRequest, ResolveApiKeyResponse

from services.gateway.tasks import started
from services.gateway.wrong_credentials import TooManyWrong, WrongCredentials
from services.kit.api_keys import KEPT_SECONDS, ApiKey, digest_of, parse, refusal
from services.kit.clock import Clock
from services.kit.errors import Unavailable
from services.kit.revocations import Revocations

if TYPE_CHECKING:
    from cryptovault.auth.v1.auth_service_pb2_grpc import AuthServiceAsyncStub

V = TypeVar("V")

FRESH_SECONDS = 30.0  # until a known key is asked for again
RETRY_SECONDS = 1.0  # between two such questions while auth is away
REFUSED_SECONDS = 60.0  # a key that auth refused will not come to life
TIMEOUT = 2.0  # seconds that auth has to answer
MAX_KNOWN = 50_000  # keys
MAX_REFUSED = 10_000  # keys
MAX_FLIGHTS = 64  # keys at a time that requests wait for, asked for or waiting for their turn

ANY_EPOCH = 2**63  # of a key: it outlives what ends its owner's sessions


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose a key is, and what it may do."""

    key_id: str
    user_id: str
    scopes: frozenset[str]
    tier: str


@dataclass(slots=True)
class _Known:
    holder: Holder
    ends_at: float  # seconds since 1970 UTC
    ask_again_at: float


class ApiKeys:
    """Tells whose an API key is. `recall` costs a hash and a few look-ups, `resolve` perhaps a question to auth."""

    def __init__(
        self, auth: "AuthServiceAsyncStub", revocations: Revocations, clock: Clock, wrong: WrongCredentials
    ) -> None:
        self._auth = auth
        self._revocations = revocations
        self._clock = clock
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._refused: OrderedDict[bytes, float] = OrderedDict()  # until when
        self._flights: dict[bytes, asyncio.Task[Holder]] = {}
        self._refreshes: set[bytes] = set()  # the flights that no request waits for
        self._wrong = wrong

    def recall(self, text: str) -> Holder | None:
        """The holder of a key that is known and counts; None: ask `resolve`."""
        digest = digest_of(text)
        known = self._known.get(digest)
        if known is None:
            return None
        holder, now = known.holder, self._clock.time()
        if now >= known.ends_at or self._revocations.concern(holder.user_id, holder.key_id, ANY_EPOCH):
            return None
        if now >= known.ask_again_at:
            known.ask_again_at = now + RETRY_SECONDS
            self._refreshes.add(digest)
            self._fly(ApiKey(holder.key_id, digest))
        return holder

    async def resolve(self, text: str, address: str) -> Holder:
        """The holder of a key shown by a client of this address.

        Raises Unauthenticated, TooManyWrong for whoever shows many wrong credentials, and Unavailable when auth
        cannot be asked about a key that is not known.
        """
        key = parse(text)
        if self._is_refused(key):
            raise refusal()
        holder = self.recall(text)
        if holder is not None:
            return holder
        self._wrong.check(address)
        if len(self._flights) - len(self._refreshes) >= MAX_FLIGHTS and key.digest not in self._flights:
            raise Unavailable("too many API keys are being checked", retry_after=RETRY_SECONDS)
        try:
            return await asyncio.shield(self._fly(key, address))
        except TooManyWrong:  # that was for the address that showed the key first, which may be another
            return await self.resolve(text, address)

    def _is_refused(self, key: ApiKey) -> bool:
        if self._revocations.concern("", key.key_id, ANY_EPOCH):
            return True
        return self._refused.get(key.digest, 0.0) > self._clock.time()

    def _fly(self, key: ApiKey, address: str | None = None) -> asyncio.Task[Holder]:
        """The question under way for this key, which all who want the answer share.

        address: whose guess it would be; None: the key was good before.
        """
        flight = self._flights.get(key.digest)
        if flight is None:
            question = self._ask(key) if address is None else self._wrong.guard(address, partial(self._ask, key))
            flight = self._flights[key.digest] = started(question)
            flight.add_done_callback(lambda _: self._land(key.digest))
        return flight

    def _land(self, digest: bytes) -> None:
        del self._flights[digest]
        self._refreshes.discard(digest)

    async def _ask(self, key: ApiKey) -> Holder:
        try:
            request = ResolveApiKeyRequest(key_id=key.key_id, digest=key.digest)
            answer = await self._auth.ResolveApiKey(request, timeout=TIMEOUT)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAUTHENTICATED:
                raise Unavailable("API keys cannot be checked at the moment", retry_after=RETRY_SECONDS) from error
            self._known.pop(key.digest, None)
            _remember(self._refused, key.digest, self._clock.time() + REFUSED_SECONDS, MAX_REFUSED)
            raise refusal() from error
        known = self._learned(key, answer)
        _remember(self._known, key.digest, known, MAX_KNOWN)
        return known.holder

    def _learned(self, key: ApiKey, answer: ResolveApiKeyResponse) -> _Known:
        now = self._clock.time()
        ends_at = now + KEPT_SECONDS
        if answer.HasField("expires_at"):
            ends_at = min(ends_at, answer.expires_at.seconds + answer.expires_at.nanos / 1e9)
        holder = Holder(key.key_id, answer.user_id, frozenset(answer.scopes), answer.tier)
        return _Known(holder, ends_at, now + FRESH_SECONDS)


def _remember(kept: OrderedDict[bytes, V], key: bytes, value: V, most: int) -> None:
    """Keep the latest `most`."""
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > most:
        kept.popitem(last=False)
