"""What one replica knows of one key: units it may still spend, and units it has spent that Redis is to hear of."""

import math

from msgspec.structs import replace

from services.gateway.limits.gcra import MICROSECONDS, Decision, Limit, Rule, Share, decide

LEASE = MICROSECONDS // 10  # a lease is at most what the limit gives in this time ...
FORESIGHT = 150_000  # ... and at most what the key was seen to use in this time, both in microseconds


class Account:
    """One key. Moments are microseconds of this process's clock."""

    __slots__ = (
        "arrival", "balance", "key", "known", "lease", "measured", "ordered", "owed", "pace", "rule", "spent",
    )  # fmt: skip

    def __init__(self, key: str, rule: Rule, now: int) -> None:
        self.key = key
        self.rule = rule
        self.balance = 0  # units leased and not spent; below 0: spent, and Redis does not know yet
        self.known = 0  # the key's TAT when Redis last told it; the true one is never earlier
        self.arrival = 0  # the TAT of what was decided without Redis
        self.owed = 0  # the same without the reserve: when time has paid for it
        self.ordered = False  # whether an order for this key is on its way
        self.lease = 0  # size of the last lease
        self.spent = 0  # units since `measured`
        self.measured = now
        self.pace = 0  # units that FORESIGHT lasted for, when last measured

    def affords(self, cost: int) -> bool:
        """Whether leased units cover it."""
        return self.balance >= cost

    def spend(self, cost: int, now: int) -> Decision:
        """Take leased units."""
        limit, balance = self.rule.limit, self.balance - cost
        self.balance = balance
        self.spent += cost
        # Nearly every request comes by here: comparing takes a third of the time of min() and max().
        used = self.known - now if self.known > now else 0
        remaining, most = balance + (limit.period - used) // limit.interval, limit.count - cost
        if remaining > most:
            remaining = most
        reset, least = used - balance * limit.interval, cost * limit.interval
        if reset < least:
            reset = least
        return Decision(True, remaining if remaining > 0 else 0, reset / MICROSECONDS, 0.0)

    def refusal(self, cost: int, now: int) -> Decision | None:
        """The refusal, when it is certain by what Redis told: others can only have spent more since."""
        limit = self.rule.limit
        over = self.known + (cost - max(0, self.balance)) * limit.interval - now - limit.period
        return self.refuse(over, now) if over > 0 else None

    def refuse(self, over: int, now: int) -> Decision:
        """A refusal for `over` microseconds."""
        limit = self.rule.limit
        used = max(0, self.known - now)
        remaining = max(0, self.balance) + max(0, limit.period - used) // limit.interval
        return Decision(False, remaining, used / MICROSECONDS, max(1, over) / MICROSECONDS)

    def decide_alone(self, share: Share, since: int, cost: int, now: int) -> Decision:
        """Decide by this replica's share, of which the reserve is given out from `since` on; what passes is a debt."""
        arrival = max(self.arrival, self.known, since + share.reserve)
        decision, self.arrival = decide(share.limit, arrival, now, cost)
        if decision.allowed:
            self.balance -= cost
            self.spent += cost
            self.owed = max(self.owed, self.known, now) + cost * share.limit.interval
        return replace(decision, alone=True)

    def debt(self, share: Share, now: int) -> int:
        """Units that Redis is to hear of.

        What this replica's share of the rate has paid for meanwhile is forgotten: it would have passed with Redis as
        well, and debited late it would keep the key waiting for as long as the outage lasted.
        """
        if self.balance < 0:
            unpaid = math.ceil(max(0, self.owed - max(self.known, now)) / share.limit.interval)
            self.balance = max(self.balance, -unpaid)
        return max(0, -self.balance)

    def next_lease(self, replicas: int, now: int) -> int:
        """How many units to lease ahead: none of what is small or strict, so that it is kept exactly."""
        limit = self.rule.limit
        most = lease_bound(limit, replicas)
        if most == 0 or self.rule.strict:
            return 0
        elapsed = now - self.measured
        seen = math.ceil(self.spent * FORESIGHT / max(elapsed, FORESIGHT))
        if elapsed >= FORESIGHT:
            self.pace, self.spent, self.measured = seen, 0, now
        self.lease = min(most, max(seen, self.pace, 1))
        return self.lease


def lease_bound(limit: Limit, replicas: int) -> int:
    """The largest lease: 100 ms of the rate, and the burst divided by the replicas. 0 below two units a replica."""
    most = min(limit.count // replicas, limit.count * LEASE // limit.period)
    return most if most >= 2 * replicas else 0
