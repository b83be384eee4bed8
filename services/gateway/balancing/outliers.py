"""Outlier ejection: a replica at which far more calls fail than at the others is left out for a while.

It looks at what a breaker does not: a replica that answers, but with "unavailable" or an internal error, because it has
lost its database, say. Where all replicas do so, none is worse than the others. (Envoy's outlier detection; gRPC
proposal A50.)
"""

from collections.abc import Callable, Sequence

from services.gateway.resilience.window import Window

CALLS, FAULTS = range(2)

VOLUME = 10  # calls of the last ten seconds, here and at the others together; fewer say nothing
SHARE = 0.5  # of its calls that fail at an outlier
TIMES = 3.0  # as large a share as that of the others
FIRST, LONGEST = 5.0, 60.0  # seconds that it is left out; doubled each time in a row


class Record:
    """What came of a replica's calls of late, and until when it is left out because of that."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.ejections = 0
        self._now = now
        self._outcomes = Window(2, now)
        self._until: float | None = None
        self._length = FIRST

    @property
    def ejected(self) -> bool:
        """Whether it is left out."""
        return self._until is not None and self._now() < self._until

    def add(self, *, fault: bool) -> None:
        """Count a call."""
        self._outcomes.add(CALLS)
        if fault:
            self._outcomes.add(FAULTS)

    def totals(self) -> tuple[int, int]:
        """Calls and faults of the last ten seconds."""
        calls, faults = self._outcomes.totals()
        return calls, faults

    def eject(self) -> None:
        """Leave it out; for longer if it has not been well for long."""
        now = self._now()
        in_a_row = self._until is not None and now < self._until + LONGEST
        self._length = min(2 * self._length, LONGEST) if in_a_row else FIRST
        self._until = now + self._length
        self._outcomes.clear()
        self.ejections += 1


def is_outlier(record: Record, others: Sequence[Record]) -> bool:
    """Whether far more of its calls fail than of the others' together."""
    calls, faults = record.totals()
    totals = [other.totals() for other in others]
    their_calls, their_faults = sum(calls for calls, _ in totals), sum(faults for _, faults in totals)
    if min(calls, their_calls) < VOLUME:
        return False
    share, their_share = faults / calls, their_faults / their_calls
    return share >= SHARE and share >= TIMES * their_share
