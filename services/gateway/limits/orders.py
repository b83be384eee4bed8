"""What a replica asks of Redis at a time: one order for many keys, numbered so that it can be repeated safely."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.gateway.limits.account import Account
from services.gateway.limits.gcra import Decision

PREFIX = "cv:limit:"
MAX_KEYS = 500  # of one order: Redis is not to be kept busy for longer than a millisecond or two


@dataclass(slots=True)
class Waiter:
    """A request that waits for Redis."""

    cost: int
    future: asyncio.Future[Decision]


@dataclass(slots=True)
class Line:
    """What is asked for one key."""

    account: Account
    waiters: list[Waiter] = field(default_factory=list)
    floor: int = 0
    due: int = 0
    least: int = 0
    most: int = 0

    def args(self) -> tuple[int, ...]:
        """As the script takes it."""
        limit = self.account.rule.limit
        return limit.interval, limit.period, self.floor, self.due, self.least, self.most


@dataclass(frozen=True, slots=True)
class Order:
    """One order, sent at a moment of this process's clock, in microseconds."""

    number: int
    sent: int
    lines: Sequence[Line]

    def keys(self, replica: str) -> list[str]:
        """The keys that the script touches."""
        own = (f"{PREFIX}orders:{replica}", f"{PREFIX}replicas")
        return [*own, *(PREFIX + line.account.key for line in self.lines)]

    def args(self, replica: str) -> list[str | int]:
        """The script's arguments."""
        return [replica, self.number, *(number for line in self.lines for number in line.args())]


def want(account: Account, waiters: list[Waiter], due: int, lease: int) -> Line:
    """The line for requests that wait, a debt and a lease, of which each may be missing.

    Units that are still there do not count: others may spend them before Redis has answered.
    """
    costs = [waiter.cost for waiter in waiters if not waiter.future.done()]
    return Line(account, waiters, due=due, least=min(costs, default=0), most=sum(costs) + lease)
