"""How long the operations of an upstream usually take."""

from collections import deque

REMEMBERED = 200  # calls of an operation
ENOUGH = 40  # calls before something is said
SORTED_EVERY = 20  # calls


class _Operation:
    __slots__ = ("age", "p95", "seconds")

    def __init__(self) -> None:
        self.seconds: deque[float] = deque(maxlen=REMEMBERED)
        self.p95: float | None = None
        self.age = 0


class Latencies:
    """The 95th percentile of each operation's last calls."""

    def __init__(self) -> None:
        self._operations: dict[str, _Operation] = {}

    def add(self, name: str, seconds: float) -> None:
        """Remember one call."""
        operation = self._operations.get(name)
        if operation is None:
            operation = self._operations[name] = _Operation()
        operation.seconds.append(seconds)
        operation.age += 1
        if operation.age >= SORTED_EVERY and len(operation.seconds) >= ENOUGH:
            operation.p95 = sorted(operation.seconds)[int(len(operation.seconds) * 0.95)]
            operation.age = 0

    def p95(self, name: str) -> float | None:
        """Seconds; None while too little is known."""
        operation = self._operations.get(name)
        return None if operation is None else operation.p95
