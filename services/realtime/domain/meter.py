"""What a node counts and measures."""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

RATE_WINDOW = 10.0  # seconds
DELAY_SAMPLES = 4096


@dataclass
class Meter:
    """Counters since the start, the recent message rate and the recent delays."""

    messages_sent: int = 0
    bytes_sent: int = 0
    connects: int = 0
    disconnects: int = 0
    recoveries: int = 0  # clients that came back and were given what they had missed
    reconnects: int = 0  # clients that came back and asked to carry on
    refusals: Counter[str] = field(default_factory=Counter)  # handshakes that failed, by reason
    ticks_received: int = 0
    slow_conflated: int = 0  # sockets that fell behind
    slow_lowered: int = 0  # those whose rate was lowered
    slow_disconnects: int = 0  # those that were cut off
    fast_disconnects: int = 0  # sockets that sent too much
    _delays: deque[float] = field(default_factory=lambda: deque(maxlen=DELAY_SAMPLES))
    _marks: deque[tuple[float, int, int]] = field(default_factory=deque)  # moment, messages, bytes

    def sent(self, messages: int, size: int) -> None:
        """So many messages of `size` bytes each were written."""
        self.messages_sent += messages
        self.bytes_sent += messages * size

    def delayed(self, published_at: Iterable[float], sent_at: float) -> None:
        """Prices published at these moments were written at `sent_at`, all in milliseconds."""
        self._delays.extend(max(0.0, sent_at - moment) for moment in published_at)

    def delay(self, quantile: float) -> float:
        """A quantile of the recent delays, in milliseconds; 0 when there are none."""
        if not self._delays:
            return 0.0
        ordered = sorted(self._delays)
        return ordered[min(len(ordered) - 1, int(quantile * len(ordered)))]

    def rates(self, now: float) -> tuple[float, float]:
        """Messages and bytes sent per second over the last ten seconds, if asked once a second or so."""
        self._marks.append((now, self.messages_sent, self.bytes_sent))
        while len(self._marks) > 2 and self._marks[0][0] < now - RATE_WINDOW:
            self._marks.popleft()
        begin, messages, size = self._marks[0]
        seconds = now - begin
        return (
            ((self.messages_sent - messages) / seconds, (self.bytes_sent - size) / seconds) if seconds > 0 else (0, 0)
        )
