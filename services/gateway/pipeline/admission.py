"""Turns requests away while the event loop is late: those that cost an upstream call, the least important first.

How many calls each upstream gets is decided where it is called. Kept answers and health checks pass in any case.
"""

import random
from collections.abc import Awaitable, Callable

from services.gateway.pipeline.exchange import Answer, Exchange, Handler
from services.gateway.resilience.criticality import Overloaded, criticality_of
from services.gateway.resilience.lag import LoopLag

RETRY_AFTER = 1.0  # seconds


class Admission:
    """Sheds load by the lag of the event loop: more of it the later the loop is."""

    def __init__(self, handler: Handler, lag: LoopLag, chance: Callable[[], float] = random.random) -> None:
        self._next = handler
        self._lag = lag
        self._chance = chance

    def __call__(self, exchange: Exchange) -> Awaitable[Answer]:
        """Pass the exchange on. Raises Overloaded."""
        route = exchange.route
        if route is not None and route.policy is not None:
            borne = criticality_of(route.area, route.policy).lag
            if self._lag.seconds / borne - 1 > self._chance():
                raise Overloaded("more is asked than can be answered in time", retry_after=RETRY_AFTER)
        return self._next(exchange)
