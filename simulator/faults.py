"""Faults that a test may switch on in a venue: how it misbehaves, and until when."""

import enum
import time
from collections.abc import Callable
from dataclasses import dataclass

FOREVER = float("inf")


class Fault(enum.StrEnum):
    """The ways in which a venue can misbehave."""

    STALL = "stall"  # sockets stay open and silent
    DISCONNECT = "disconnect"  # open sockets are closed, once
    REFUSE = "refuse"  # new connections and REST requests are rejected
    LIAR = "liar"  # prices are multiplied by `factor`
    DELAY = "delay"  # frames are sent `factor` seconds late
    CLEAR = "clear"  # everything well again


@dataclass(frozen=True)
class _Active:
    factor: float
    until: float  # monotonic seconds


class Faults:
    """The faults now active in one venue; each ends by itself after its time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._active: dict[Fault, _Active] = {}

    def begin(self, fault: Fault, *, factor: float, seconds: float | None) -> None:
        """Switch a fault on, for ever when `seconds` is None."""
        self._active[fault] = _Active(factor, FOREVER if seconds is None else self._clock() + seconds)

    def clear(self) -> None:
        """End all faults."""
        self._active.clear()

    def has(self, fault: Fault) -> bool:
        """Whether the fault is active now."""
        return self._find(fault) is not None

    @property
    def price_factor(self) -> float | None:
        """What a liar multiplies its prices by; None when honest."""
        liar = self._find(Fault.LIAR)
        return liar.factor if liar else None

    @property
    def delay_seconds(self) -> float:
        """How late frames leave."""
        delay = self._find(Fault.DELAY)
        return delay.factor if delay else 0.0

    def names(self) -> list[str]:
        """The active faults, for the status page."""
        return sorted(fault.value for fault in list(self._active) if self.has(fault))

    def _find(self, fault: Fault) -> _Active | None:
        if not self._active:
            return None
        active = self._active.get(fault)
        if active is not None and self._clock() >= active.until:
            del self._active[fault]
            return None
        return active
