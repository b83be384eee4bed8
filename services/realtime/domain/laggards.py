"""Sockets that read more slowly than they are written to, on a ladder of three steps.

1. Conflate: while its buffer is full nothing of the market is written to a socket; the last value for each key waits.
2. Lower the rate: a socket that stays behind, or falls behind again soon, gets what changed once a second.
3. Cut off: a socket that takes nothing for ten seconds, or leaves too much unread, is disconnected.

A step is left when the socket has kept up for a while. What waits is bounded by the number of keys. Times are seconds
of a monotonic clock.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from services.realtime.domain.dispatch import Change, Dispatch
from services.realtime.domain.meter import Meter
from services.realtime.domain.registry import Socket

PATIENCE = 2.0  # seconds behind before the rate is lowered
LOWERED_PAUSE = 1.0  # seconds between two writes at the lowered rate
CALM = 10.0  # seconds of keeping up that restore a socket
HOPELESS = 10.0  # seconds behind before a socket is cut off


@dataclass(slots=True)
class Lag:
    """How far a socket has fallen behind."""

    held_since: float | None  # None: its buffer has room
    calm_since: float
    lowered: bool = False
    next_write: float = 0.0
    missed: dict[str, dict[str, Change]] = field(default_factory=dict)  # by channel, by key

    @property
    def waits(self) -> bool:
        """Whether changes are kept for later."""
        return self.held_since is not None or self.lowered


class Laggards:
    """The sockets that are on the ladder."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._lags: dict[Socket, Lag] = {}

    def __len__(self) -> int:
        return len(self._lags)

    def __iter__(self) -> Iterator[Socket]:
        return iter(self._lags)

    def hold(self, socket: Socket, now: float) -> None:
        """The socket's buffer is full."""
        lag = self._lags.get(socket)
        if lag is None:
            self._lags[socket] = Lag(held_since=now, calm_since=now)
            self._meter.slow_conflated += 1
        else:
            lag.held_since = now
            self._lower(lag)

    def release(self, socket: Socket, now: float) -> None:
        """The socket's buffer has room again."""
        lag = self._lags.get(socket)
        if lag is not None:
            lag.held_since, lag.calm_since = None, now

    def forget(self, socket: Socket) -> None:
        """The socket is gone."""
        self._lags.pop(socket, None)

    def leave(self, socket: Socket, channel: str) -> None:
        """The socket has left a channel."""
        if socket in self._lags:
            self._lags[socket].missed.pop(channel, None)

    def keep(self, socket: Socket, dispatches: Iterable[Dispatch]) -> bool:
        """Keep the changes for later if the socket is behind; returns whether it is."""
        lag = self._lags.get(socket)
        if lag is None or not lag.waits:
            return False
        for dispatch in dispatches:
            lag.missed.setdefault(dispatch.stream.channel, {}).update(dispatch.changes)
        return True

    def take(self, socket: Socket, now: float) -> Mapping[str, Mapping[str, Change]]:
        """What a socket has missed, if it may be written to; one that has recovered is forgotten."""
        lag = self._lags.get(socket)
        if lag is None or lag.held_since is not None or now < lag.next_write:
            return {}
        if now - lag.calm_since >= CALM:
            del self._lags[socket]
        elif lag.lowered:
            lag.next_write = now + LOWERED_PAUSE
        missed, lag.missed = lag.missed, {}
        return missed

    def take_hopeless(self, now: float) -> list[Socket]:
        """The sockets that are to be cut off. Those that have been behind for a while get the lower rate."""
        for lag in self._lags.values():
            if lag.held_since is not None and now - lag.held_since >= PATIENCE:
                self._lower(lag)
        return [
            socket
            for socket, lag in self._lags.items()
            if lag.held_since is not None and now - lag.held_since >= HOPELESS
        ]

    def _lower(self, lag: Lag) -> None:
        if not lag.lowered:
            lag.lowered = True
            self._meter.slow_lowered += 1
