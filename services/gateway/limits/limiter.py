"""Limits shared by all replicas and decided here: on units leased from Redis ahead of need.

A key that is used much holds a lease, and its requests are decided at once. What is new, small or strict asks Redis,
in one order for all that ask at the same time, and waits for 5 ms at most. What Redis refused is refused here until it
can pass. Without Redis each replica enforces its share by itself and tells Redis later what it let through. How far
all this can exceed a limit is proved in docs/rate-limits.md.
"""

import asyncio
import logging
import uuid
from collections import OrderedDict, deque
from enum import Enum
from itertools import islice

from services.gateway.limits.account import Account
from services.gateway.limits.counts import Counts, Outcome
from services.gateway.limits.gcra import MICROSECONDS, Decision, Rule, share
from services.gateway.limits.orders import MAX_KEYS, Line, Order, Waiter, want
from services.gateway.limits.script import Script
from services.kit.cancellation import pass_on_cancellation
from services.kit.clock import Clock
from services.kit.errors import Unavailable

logger = logging.getLogger(__name__)

PATIENCE = 0.005  # seconds that a request waits for Redis
REDIS_TIMEOUT = 0.25  # seconds after which Redis counts as away
TICK = 0.1  # seconds between two looks at what Redis should hear
HEARTBEAT = MICROSECONDS  # microseconds between two signs of life
RETURN = 2 * MICROSECONDS  # microseconds after which all replicas have told a Redis that came back
MAX_ACCOUNTS = 100_000


class Mode(Enum):
    """Who decides."""

    SHARED = "shared"  # Redis, which all replicas debit
    ALONE = "alone"  # this replica, since Redis is away
    RETURNING = "returning"  # this replica, while all tell Redis what passed without it


class RateLimiter:
    """Counts requests by key. `run` keeps it in touch with Redis."""

    def __init__(self, script: Script, clock: Clock, *, patience: float = PATIENCE) -> None:
        self.counts = Counts()
        self.mode = Mode.SHARED
        self.replicas = 1  # last known number of live ones
        self._script = script
        self._clock = clock
        self._monotonic = clock.monotonic
        self._patience = patience
        self._replica = uuid.uuid4().hex
        self._accounts: OrderedDict[tuple[str, str], Account] = OrderedDict()  # by rule and subject
        self._waiting: dict[Account, list[Waiter]] = {}  # for the next order; refills wait with nobody
        self._debtors: dict[Account, None] = {}
        self._restores: deque[Account] = deque()
        self._order: Order | None = None  # under way, or of unknown fate
        self._number = 0
        self._late = False  # Redis lets requests wait for too long
        self._timer: asyncio.TimerHandle | None = None
        self._delivery: asyncio.Task[None] | None = None
        self._heard = -HEARTBEAT  # when Redis answered last
        self._changed = 0  # when the mode changed

    async def check(self, rule: Rule, subject: str, cost: int = 1) -> Decision:
        """Count one request of `cost` units."""
        return self.decide(rule, subject, cost) or await self.ask(rule, subject, cost)

    def decide(self, rule: Rule, subject: str, cost: int = 1) -> Decision | None:
        """The decision, where it can be had at once; else None, and nothing is counted."""
        now = self._now()
        account = self._account(rule, subject, now)
        if account.affords(cost):
            decision = account.spend(cost, now)
            if account.balance * 2 <= account.lease and not account.ordered and self._is_shared():
                self._enqueue(account)
            return decision
        refusal = account.refusal(cost, now)
        if refusal is not None:
            return refusal
        return None if self._is_shared() else self._decide_alone(account, cost, now)

    async def ask(self, rule: Rule, subject: str, cost: int = 1) -> Decision:
        """The decision of Redis, or this replica's own when that takes too long."""
        loop = asyncio.get_running_loop()
        waiter = Waiter(cost, loop.create_future())
        self._enqueue(self._account(rule, subject, self._now())).append(waiter)
        if self._timer is None:
            self._timer = loop.call_later(self._patience, self._lose_patience)
        return await waiter.future

    async def run(self) -> None:
        """Stay in touch with Redis: signs of life, debts, and its return after an outage. Until cancelled."""
        try:
            while True:
                await self.tick()
                await self._clock.sleep(TICK)
        finally:
            if self._delivery is not None:
                self._delivery.cancel()

    async def tick(self) -> None:
        """Tell Redis what it should hear by now."""
        if self.mode is Mode.RETURNING and self._now() - self._changed >= RETURN:
            self._enter(Mode.SHARED)
        self._forgive()
        self._wake()
        if self._delivery is not None:
            await asyncio.wait([self._delivery])

    # Deciding

    def _now(self) -> int:
        return int(self._monotonic() * MICROSECONDS)

    def _is_shared(self) -> bool:
        return self.mode is Mode.SHARED and not self._late

    def _account(self, rule: Rule, subject: str, now: int) -> Account:
        key = rule.name, subject
        account = self._accounts.get(key)
        if account is not None:
            self._accounts.move_to_end(key)
            return account
        if len(self._accounts) >= MAX_ACCOUNTS:
            self._accounts.popitem(last=False)
        account = self._accounts[key] = Account(f"{rule.name}:{subject}", rule, now)
        return account

    def _decide_alone(self, account: Account, cost: int, now: int) -> Decision:
        since = self._changed if self.mode is Mode.ALONE else now
        decision = account.decide_alone(share(account.rule, self.replicas), since, cost, now)
        if account.balance < 0:
            self._debtors[account] = None
        return decision

    # Asking

    def _enqueue(self, account: Account) -> list[Waiter]:
        account.ordered = True
        waiters = self._waiting.setdefault(account, [])
        self._wake()
        return waiters

    def _wake(self) -> None:
        if self._delivery is None:
            self._delivery = asyncio.get_running_loop().create_task(self._deliver())

    async def _deliver(self) -> None:
        """Send one order after the other; what asks meanwhile is in the next."""
        try:
            while self._order is not None or self._compose():
                assert self._order is not None
                answer = await self._send(self._order)
                if answer is None:
                    return self._stand_alone()
                self._heed(answer)
        finally:
            self._delivery = None

    def _compose(self) -> bool:
        """Make the next order; False when there is nothing to say."""
        now = self._now()
        lines = self._restoring(now) if self._is_restoring(now) else self._wanted(now)
        if not lines and self.mode is not Mode.ALONE and now - self._heard < HEARTBEAT:
            return False
        self._number += 1
        self._order = Order(self._number, now, lines)
        return True

    def _is_restoring(self, now: int) -> bool:
        """Debts are held back at first: a floor that arrives after somebody's debts would swallow them."""
        return self.mode is Mode.RETURNING and now - self._changed < RETURN // 2

    def _restoring(self, now: int) -> list[Line]:
        """What Redis knew before the outage, in case that it has forgotten."""
        known = [self._restores.popleft() for _ in range(min(MAX_KEYS, len(self._restores)))]
        return [Line(account, floor=account.known - now) for account in known]

    def _wanted(self, now: int) -> list[Line]:
        """What waits, then debts."""
        lines: list[Line] = []
        while self._waiting and len(lines) < MAX_KEYS:
            account = next(iter(self._waiting))
            self._debtors.pop(account, None)
            lease = account.next_lease(self.replicas, now)
            lines.append(want(account, self._waiting.pop(account), self._debt(account, now), lease))
        while self._debtors and len(lines) < MAX_KEYS:
            account, _ = self._debtors.popitem()
            due = self._debt(account, now)
            if due:
                lines.append(want(account, [], due, 0))
        return lines

    def _debt(self, account: Account, now: int) -> int:
        return account.debt(share(account.rule, self.replicas), now)

    def _forgive(self) -> None:
        """Forget those whose debts time has paid for, the oldest first: an outage may last for days."""
        now = self._now()
        for account in list(islice(self._debtors, MAX_KEYS)):
            del self._debtors[account]
            if self._debt(account, now):
                self._debtors[account] = None

    async def _send(self, order: Order) -> list[int] | None:
        try:
            async with asyncio.timeout(REDIS_TIMEOUT):
                return await self._script(keys=order.keys(self._replica), args=order.args(self._replica))
        except (Unavailable, TimeoutError) as error:
            pass_on_cancellation(error)
        except Exception:  # whatever Redis says instead: a request never fails for its sake
            logger.exception("Redis refuses to count for the rate limits")
        return None

    # Answers

    def _heed(self, answer: list[int]) -> None:
        order, self._order = self._order, None
        assert order is not None
        remembered, replicas, *told = answer
        self._heard, self._late = self._now(), False
        self._restart_timer()
        if self.mode is Mode.ALONE or not remembered:
            self._enter(Mode.RETURNING)
            self._restores = deque(account for account in self._accounts.values() if account.known > self._heard)
        self.replicas = replicas if self.mode is Mode.SHARED else max(replicas, self.replicas)
        for index, line in enumerate(order.lines):
            if remembered:
                self._credit(line, order.sent, *told[2 * index : 2 * index + 2])
            self._answer(line)

    def _credit(self, line: Line, sent: int, granted: int, until_full: int) -> None:
        account = line.account
        account.balance += line.due + granted
        account.known = max(account.known, sent + until_full)
        if line.most and not granted:
            self.counts.add(account.rule.name, Outcome.LEASE_DENIED)

    def _answer(self, line: Line) -> None:
        """Decide what waits for a line."""
        account, now = line.account, self._now()
        account.ordered = account in self._waiting
        if account.balance < 0:
            self._debtors[account] = None
        for waiter in line.waiters:
            if not waiter.future.done():
                waiter.future.set_result(self._decide_now(account, waiter.cost, now))

    def _decide_now(self, account: Account, cost: int, now: int) -> Decision:
        if account.affords(cost):
            return account.spend(cost, now)
        if self._is_shared():
            return account.refusal(cost, now) or account.refuse(0, now)
        return account.refusal(cost, now) or self._decide_alone(account, cost, now)

    # Redis is late, away, back

    def _restart_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if any(self._waiting.values()):
            self._timer = asyncio.get_running_loop().call_later(self._patience, self._lose_patience)

    def _lose_patience(self) -> None:
        """Nobody waits any longer, and nobody begins to until Redis answers."""
        self._timer, self._late = None, True
        if self._order is not None:
            for line in self._order.lines:
                self._answer(line)
        for account, waiters in self._waiting.items():
            self._answer(Line(account, waiters))

    def _stand_alone(self) -> None:
        """Redis is away. The order stays, to be repeated: whether it was carried out is not known."""
        if self.mode is not Mode.ALONE:
            self._enter(Mode.ALONE)
        self._lose_patience()
        for account in self._waiting:
            account.ordered = False
        self._waiting.clear()

    def _enter(self, mode: Mode) -> None:
        logger.warning("rate limits: %s (%d replicas)", mode.value, self.replicas)
        self.mode, self._changed = mode, self._now()
