"""When tokens on open sockets run out: one entry a socket, which goes with it, in buckets of a second."""

from collections.abc import Iterator
from math import ceil

from services.realtime.domain.registry import Identity, Socket

WARNING = 60.0  # seconds before the end at which the client is asked to renew


class Expiries:
    """The next moment at which something must be said to a socket. Times are seconds since 1970 UTC."""

    def __init__(self) -> None:
        self._seconds: dict[Socket, int] = {}
        self._sockets: dict[int, set[Socket]] = {}  # by second

    def __len__(self) -> int:
        return len(self._seconds)

    def watch(self, socket: Socket, moment: float) -> None:
        """Ask for the socket at this moment, or soon where that is past, and at no other."""
        self.forget(socket)
        second = self._seconds[socket] = ceil(moment)
        self._sockets.setdefault(second, set()).add(socket)

    def forget(self, socket: Socket) -> None:
        """The socket is gone, or speaks for nobody."""
        second = self._seconds.pop(socket, None)
        if second is not None:
            self._sockets[second].discard(socket)
            if not self._sockets[second]:
                del self._sockets[second]

    def due(self, now: float) -> Iterator[tuple[Socket, Identity]]:
        """The sockets whose moment has come, once; each is to be watched again if there is another moment."""
        for second in sorted(second for second in self._sockets if second <= now):
            for socket in list(self._sockets[second]):
                self.forget(socket)
                if socket.identity is not None:
                    yield socket, socket.identity
