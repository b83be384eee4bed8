"""When tokens on open sockets run out: a heap, so that waiting costs nothing per socket."""

import heapq
from collections.abc import Iterator
from itertools import count

from services.realtime.domain.registry import Identity, Socket

WARNING = 60.0  # seconds before the end at which the client is asked to renew


class Expiries:
    """The moments at which something must be said to a socket. Times are seconds since 1970 UTC."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Socket, Identity]] = []
        self._order = count()  # sockets do not compare; equal moments are served in order

    def watch(self, socket: Socket, identity: Identity, now: float) -> None:
        """Ask for a warning (unless it is too late for that) and for the end of an identity."""
        warning = identity.expires_at - WARNING
        if warning > now:
            self._push(warning, socket, identity)
        self._push(identity.expires_at, socket, identity)

    def due(self, now: float) -> Iterator[tuple[Socket, Identity]]:
        """Sockets whose identity is about to end, or has ended. A renewed identity is passed over."""
        while self._heap and self._heap[0][0] <= now:
            _, _, socket, identity = heapq.heappop(self._heap)
            if socket.identity is identity:
                yield socket, identity

    def _push(self, moment: float, socket: Socket, identity: Identity) -> None:
        heapq.heappush(self._heap, (moment, next(self._order), socket, identity))
