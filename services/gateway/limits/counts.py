"""How the limits are used, by rule, for the metrics."""

from collections import defaultdict
from collections.abc import Iterable
from enum import StrEnum

from opentelemetry.metrics import CallbackOptions, Observation

from services.kit import telemetry


class Outcome(StrEnum):
    """What is counted."""

    __hash__ = str.__hash__  # Enum's own is written in Python

    HIT = "hit"  # passed
    NEAR = "near"  # passed, with less than a fifth of the quota left
    OVER = "over"  # refused
    SHADOW = "shadow"  # would have been refused, and passed since the limits only watch
    LEASE_DENIED = "lease_denied"  # Redis had nothing left to give
    DEGRADED = "degraded"  # decided without Redis


class Counts:
    """Counts by rule and outcome. Plain numbers, which the exporter reads when it wants to: counting costs nothing."""

    def __init__(self) -> None:
        self._counts: defaultdict[tuple[str, Outcome], int] = defaultdict(int)  # a Counter takes twice as long

    def add(self, rule: str, outcome: Outcome) -> None:
        """Count one."""
        self._counts[rule, outcome] += 1

    def __getitem__(self, key: tuple[str, Outcome]) -> int:
        """How often this outcome was met under this rule."""
        return self._counts.get(key, 0)

    def publish(self) -> None:
        """Offer the counts as metrics."""
        telemetry.meter("gateway.limits").create_observable_counter(
            "gateway.rate_limit.decisions", [self.observe], description="How the rate limits decided, by rule"
        )

    def observe(self, _: CallbackOptions) -> Iterable[Observation]:
        """The counts as the exporter takes them."""
        for (rule, outcome), count in list(self._counts.items()):
            yield Observation(count, {"rule": rule, "outcome": outcome.value})
