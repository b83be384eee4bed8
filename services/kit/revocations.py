"""What no longer counts among access tokens that have not expired.

Auth publishes each revocation on NATS and keeps it in Redis until the last token it concerns has expired. A verifier
listens to the one and asks for the other, so a lost message may delay a revocation but never loses it.
"""

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Self

from cryptovault.auth.v1.auth_service_pb2 import Revocation
from cryptovault.events.v1.events_pb2 import AuthRevoked
from google.protobuf.timestamp_pb2 import Timestamp

from services.kit.clock import Clock

LONGEST_LIFE = 24 * 3600.0  # seconds an entry is kept when it does not say for how long


@dataclass(frozen=True, slots=True)
class Revoked:
    """One session that has ended, or (session_id empty) every session of an account from before `epoch`."""

    user_id: str
    session_id: str
    epoch: int
    expires_at: float  # seconds since 1970 UTC
    reason: str = ""

    @classmethod
    def from_event(cls, event: AuthRevoked, clock: Clock) -> Self:
        """As it is published on cv.auth.revoked."""
        expires_at = _seconds(event.expires_at, clock)
        return cls(event.user_id, event.session_id, event.epoch, expires_at, event.reason)

    @classmethod
    def from_snapshot(cls, entry: Revocation, clock: Clock) -> Self:
        """As ListRevocations gives it."""
        return cls(entry.user_id, entry.session_id, entry.epoch, _seconds(entry.expires_at, clock))

    def concerns(self, user_id: str, session_id: str, epoch: int) -> bool:
        """Whether it revokes a token with these claims."""
        if self.session_id:
            return self.session_id == session_id
        return self.user_id == user_id and epoch < self.epoch


class Revocations:
    """The unexpired revocations, asked for every request: two look-ups."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sessions: dict[str, float] = {}  # session id -> when the entry may be forgotten
        self._epochs: dict[str, int] = {}  # user id -> lowest epoch that counts
        self._expiries: list[tuple[float, str, str, int]] = []  # heap: expiry, user, session, epoch
        self._listeners: list[Callable[[Revoked], None]] = []

    def __len__(self) -> int:
        return len(self._sessions) + len(self._epochs)

    def on_revoked(self, listener: Callable[[Revoked], None]) -> None:
        """Call `listener` once for every revocation that is new here, so that it can close what is open."""
        self._listeners.append(listener)

    def concern(self, user_id: str, session_id: str, epoch: int) -> bool:
        """Whether a token with these claims is revoked."""
        return session_id in self._sessions or epoch < self._epochs.get(user_id, epoch)

    def add(self, entry: Revoked) -> None:
        """Apply one entry."""
        self._forget_expired()
        if entry.expires_at <= self._clock.time() or self._is_known(entry):
            return
        if entry.session_id:
            self._sessions[entry.session_id] = entry.expires_at
        else:
            self._epochs[entry.user_id] = entry.epoch
        heapq.heappush(self._expiries, (entry.expires_at, entry.user_id, entry.session_id, entry.epoch))
        for listener in self._listeners:
            listener(entry)

    def load(self, entries: Iterable[Revoked]) -> None:
        """Apply many entries."""
        for entry in entries:
            self.add(entry)

    def _is_known(self, entry: Revoked) -> bool:
        if entry.session_id:
            return entry.session_id in self._sessions
        return entry.epoch <= self._epochs.get(entry.user_id, 0)

    def _forget_expired(self) -> None:
        now = self._clock.time()
        while self._expiries and self._expiries[0][0] <= now:
            _, user_id, session_id, epoch = heapq.heappop(self._expiries)
            if session_id:
                self._sessions.pop(session_id, None)
            elif self._epochs.get(user_id) == epoch:
                del self._epochs[user_id]


def _seconds(moment: Timestamp, clock: Clock) -> float:
    seconds = moment.seconds + moment.nanos / 1e9
    return seconds or clock.time() + LONGEST_LIFE
