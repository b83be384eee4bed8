"""How a venue's feed is doing: what /api/venues shows."""

from collections import Counter, deque
from dataclasses import dataclass
from enum import Enum

from services.kit.clock import Clock

FAILURES_THAT_OPEN = 3  # in a row
RATE_WINDOW = 10  # seconds
SECOND = 1_000_000_000  # nanoseconds


class Circuit(Enum):
    """The state of a feed's circuit; the values are those of the wire."""

    CLOSED = 1  # connected, or connecting as usual
    OPEN = 2  # pausing after repeated failures
    HALF_OPEN = 3  # trying again after the pause


@dataclass(frozen=True)
class VenueState:
    """A venue at one moment. Times are epoch seconds; None where nothing has come yet."""

    venue: str
    circuit: Circuit
    connected: bool
    lag_ms: float
    messages_per_second: float
    messages: int
    connects: int
    last_error: str
    last_message_at: float | None
    symbols: int
    simulated: bool


class Monitor:
    """Counts what happens on the sockets of one venue. The read loop calls `frame` and `market`: they stay cheap."""

    def __init__(self, venue: str, *, simulated: bool, clock: Clock) -> None:
        self.venue = venue
        self.simulated = simulated
        self.symbols = 0
        self.messages = 0
        self.connects = 0
        self.last_error = ""
        self.ignored: Counter[str] = Counter()
        self._clock = clock
        self._live: set[int] = set()  # sockets that speak
        self._expected = 1  # sockets needed for all symbols
        self._failures = 0
        self._trying = False
        self._last_frame: float | None = None
        self._newest: tuple[int, float] | None = None  # event time (ns), received (monotonic)
        self._counts: deque[tuple[float, int]] = deque([(clock.monotonic(), 0)], maxlen=RATE_WINDOW + 1)

    def listed(self, symbols: int, sockets: int) -> None:
        """So many symbols will be subscribed, over so many sockets."""
        self.symbols, self._expected = symbols, sockets

    def trying(self) -> None:
        """A connection is being made."""
        self._trying = True

    def opened(self) -> None:
        """A connection was made."""
        self.connects += 1

    def speaking(self, socket: int) -> None:
        """The venue answers on a socket: all is well there."""
        self._live.add(socket)
        self._failures = 0
        self._trying = False

    def failed(self, socket: int, reason: str) -> None:
        """A socket was lost, or could not be opened."""
        self._live.discard(socket)
        self._failures += 1
        self._trying = False
        self.last_error = reason

    def refused(self, reason: str) -> None:
        """The venue refused a request; the connection goes on."""
        self.last_error = reason

    def frame(self, received: float) -> None:
        """A frame arrived."""
        self.messages += 1
        self._last_frame = received

    def market(self, event_time: int, received: float) -> None:
        """A market event that says when it happened."""
        self._newest = (event_time, received)

    def sample(self) -> None:
        """Note the count of messages; called once a second."""
        self._counts.append((self._clock.monotonic(), self.messages))

    @property
    def connected(self) -> bool:
        """Whether every socket needed is open and speaking."""
        return len(self._live) >= self._expected

    @property
    def circuit(self) -> Circuit:
        """Open while pausing after repeated failures, half open during the next attempt."""
        if self._failures < FAILURES_THAT_OPEN:
            return Circuit.CLOSED
        return Circuit.HALF_OPEN if self._trying else Circuit.OPEN

    def state(self) -> VenueState:
        """Everything at this moment."""
        return VenueState(
            venue=self.venue,
            circuit=self.circuit,
            connected=self.connected,
            lag_ms=self._lag_ms(),
            messages_per_second=self._rate(),
            messages=self.messages,
            connects=self.connects,
            last_error=self.last_error,
            last_message_at=None if self._last_frame is None else self._wall(self._last_frame),
            symbols=self.symbols,
            simulated=self.simulated,
        )

    def _wall(self, moment: float) -> float:
        return self._clock.time() - (self._clock.monotonic() - moment)

    def _lag_ms(self) -> float:
        if self._newest is None:
            return 0.0
        event_time, received = self._newest
        return round((self._wall(received) - event_time / SECOND) * 1000, 3)

    def _rate(self) -> float:
        (began, first), (ended, last) = self._counts[0], self._counts[-1]
        return round((last - first) / (ended - began), 1) if ended > began else 0.0
