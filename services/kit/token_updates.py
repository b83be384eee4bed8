"""Keeps a TokenVerifier up to date: the issuer's keys, and what is revoked.

verifier = TokenVerifier(jwks_of(auth), clock, issuer, audience)
runtime.background("tokens", lambda: follow(verifier, bus, auth))
"""

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from cryptovault.auth.v1.auth_service_pb2 import GetJwksRequest, Jwk, ListRevocationsRequest
from cryptovault.events.v1.events_pb2 import AuthRevoked

from services.kit.bus import Delivery, Handler, Listener
from services.kit.retry import Backoff
from services.kit.tokens import FetchJwks, TokenVerifier

if TYPE_CHECKING:
    from cryptovault.auth.v1.auth_service_pb2_grpc import AuthServiceAsyncStub

logger = logging.getLogger(__name__)

REVOKED_SUBJECT = "cv.auth.revoked"
TICK = 0.5  # seconds between two snapshots while NATS is away, so that a revocation still counts within one second
TICKS = 30  # between two snapshots while NATS delivers
BACKOFF = Backoff(base=0.2, cap=2.0)
TIMEOUT = 2.0  # seconds that auth has to answer


class Subscription(Protocol):
    """A standing wish for messages."""

    async def unsubscribe(self) -> None:
        """Want no more."""
        ...


class RevocationBus(Protocol):
    """What `follow` needs of the bus."""

    @property
    def connected(self) -> bool:
        """Whether the link is up."""
        ...

    def on_connect(self, listener: Listener) -> None:
        """Call `listener` after every connection."""
        ...

    async def subscribe(self, subject: str, handler: Handler) -> Subscription:
        """Hand every message on `subject` to `handler`."""
        ...


def jwks_of(auth: "AuthServiceAsyncStub") -> FetchJwks:
    """Fetches the keys from the auth service."""

    async def fetch() -> Iterable[Jwk]:
        return (await auth.GetJwks(GetJwksRequest(), timeout=TIMEOUT)).keys

    return fetch


async def follow(verifier: TokenVerifier, bus: RevocationBus, auth: "AuthServiceAsyncStub") -> None:
    """Run until cancelled. Each event counts at once; keys and the whole list are asked for now, after every connection
    of the bus, and periodically. While auth is away, what is known stays in force.
    """
    wake = asyncio.Event()

    async def connected() -> None:
        wake.set()

    async def revoked(delivery: Delivery) -> None:
        verifier.revoke(AuthRevoked.FromString(delivery.data))

    bus.on_connect(connected)
    subscription = await bus.subscribe(REVOKED_SUBJECT, revoked)
    try:
        await _catch_up_for_ever(verifier, bus, auth, wake)
    finally:
        await subscription.unsubscribe()


async def _catch_up_for_ever(
    verifier: TokenVerifier, bus: RevocationBus, auth: "AuthServiceAsyncStub", wake: asyncio.Event
) -> None:
    pauses = BACKOFF.pauses()
    while True:
        wake.clear()
        if await _catch_up(verifier, auth):
            pauses = BACKOFF.pauses()
            await _wait_until_due(wake, bus)
        else:
            await asyncio.sleep(next(pauses))


async def _wait_until_due(wake: asyncio.Event, bus: RevocationBus) -> None:
    for _ in range(TICKS):
        with suppress(TimeoutError):
            await asyncio.wait_for(wake.wait(), TICK)
            return
        if not bus.connected:
            return


async def _catch_up(verifier: TokenVerifier, auth: "AuthServiceAsyncStub") -> bool:
    """Ask for keys and revocations; whether both came."""
    try:
        await verifier.refresh_keys()
        answer = await auth.ListRevocations(ListRevocationsRequest(), timeout=TIMEOUT)
    except Exception as error:
        logger.debug("auth cannot be asked for keys and revocations: %s", type(error).__name__)
        return False
    verifier.load(answer.revocations)
    return True
