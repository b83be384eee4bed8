"""The generic cell rate algorithm (ITU-T I.371, as a virtual schedule): exact rate and burst from one number a key.

That number is the theoretical arrival time (TAT): the moment at which the quota would be full again. Pure arithmetic in
whole microseconds; `script` runs the same in Lua.
"""

from dataclasses import dataclass, field
from functools import lru_cache

import msgspec

MICROSECONDS = 1_000_000

STRICT_SHARE = 4  # what guards a secret gets this part of its limit while Redis is away


@dataclass(frozen=True)
class Limit:
    """`count` units in `seconds`, at once or spread."""

    count: int
    seconds: int
    period: int = field(init=False, compare=False, repr=False)  # the window, in microseconds
    interval: int = field(init=False, compare=False, repr=False)  # what one unit costs, in microseconds of the window

    def __post_init__(self) -> None:
        # Plain attributes, since every request reads them: a cached_property takes three times as long.
        object.__setattr__(self, "period", self.seconds * MICROSECONDS)
        object.__setattr__(self, "interval", max(1, self.period // self.count))


@dataclass(frozen=True)
class Rule:
    """A limit with the name under which it is counted. `strict`: what guards a secret."""

    name: str
    limit: Limit
    strict: bool = False


class Decision(msgspec.Struct, frozen=True):
    """Whether a request may pass, and what the client is told. Times are seconds from now."""

    allowed: bool
    remaining: int
    reset: float  # until the whole quota is there again
    retry_after: float  # until the next request may pass; 0 when this one may
    alone: bool = False  # decided by this replica, without Redis


def decide(limit: Limit, arrival: int, now: int, cost: int = 1) -> tuple[Decision, int]:
    """The decision for `cost` units at `now`, and the key's new TAT. `arrival` is the TAT so far, 0 for a new key."""
    start = max(arrival, now)
    end = start + cost * limit.interval
    over = end - now - limit.period
    if over > 0:
        return Decision(False, 0, (start - now) / MICROSECONDS, over / MICROSECONDS), arrival
    remaining = (limit.period - (end - now)) // limit.interval
    return Decision(True, remaining, (end - now) / MICROSECONDS, 0.0), end


@dataclass(frozen=True)
class Share:
    """One replica's part of a limit while Redis is away."""

    limit: Limit
    reserve: int  # microseconds of the window that are held back at first, since nobody knows what the others spent


@lru_cache(maxsize=4096)
def share(rule: Rule, replicas: int) -> Share:
    """The part that one of `replicas` enforces by itself: a 1/n of the limit, of which a 1/n may be spent at once."""
    count = rule.limit.count // STRICT_SHARE if rule.strict else rule.limit.count
    part = Limit(max(1, count // replicas), rule.limit.seconds)
    at_once = max(1, part.count // replicas)
    return Share(part, (part.count - at_once) * part.interval)
