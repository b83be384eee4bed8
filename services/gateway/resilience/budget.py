"""How much extra work there may be: a share of the calls, so that help cannot become an avalanche.

As in Finagle and Envoy (retry_budget): 20 % for retries, with a minimum for quiet times.
"""

from collections.abc import Callable

from services.gateway.resilience.window import Window

CALLS, SPENT = range(2)


class Budget:
    """At most `share` of the calls of the last ten seconds, or `minimum` of them where that is more."""

    def __init__(self, share: float, minimum: int, now: Callable[[], float]) -> None:
        self.spent = 0
        self._share = share
        self._minimum = minimum
        self._window = Window(2, now)

    def count(self) -> None:
        """A call, which adds to the budget."""
        self._window.add(CALLS)

    def spend(self) -> bool:
        """Take one from the budget; False when it is used up."""
        calls, spent = self._window.totals()
        if spent >= max(self._minimum, self._share * calls):
            return False
        self._window.add(SPENT)
        self.spent += 1
        return True
