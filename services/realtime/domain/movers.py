"""Sockets that have changed a channel's pace, and have been sent some of what the others at the new pace wait for.

So the first update at the new pace reaches them without what they have already, in letters of their own.
"""

from collections.abc import Collection, Iterator, Mapping

from services.realtime.domain.dispatch import Change, Dispatch, dispatch_of
from services.realtime.domain.registry import Socket
from services.realtime.domain.streams import Stream


class Movers:
    """What each mover has already, until its new stream is written to."""

    def __init__(self) -> None:
        self._has: dict[Stream, dict[Socket, Mapping[str, Change]]] = {}

    def __len__(self) -> int:
        return len(self._has)

    def add(self, socket: Socket, stream: Stream, has: Mapping[str, Change]) -> None:
        """The socket has joined a stream, and has these changes, which wait there for the others."""
        if has:
            self._has.setdefault(stream, {})[socket] = dict(has)

    def forget(self, socket: Socket, stream: Stream) -> None:
        """The socket has left the stream."""
        movers = self._has.get(stream, {})
        movers.pop(socket, None)
        if not movers:
            self._has.pop(stream, None)

    def take(self, dispatch: Dispatch, members: Collection[Socket]) -> Iterator[tuple[Dispatch, Collection[Socket]]]:
        """A dispatch for most members, and for each mover one without what it has."""
        movers = self._has.pop(dispatch.stream, {})
        yield dispatch, [socket for socket in members if socket not in movers] if movers else members
        for socket, has in movers.items():
            news = {key: change for key, change in dispatch.changes.items() if has.get(key) is not change}
            if news:
                yield dispatch_of(dispatch.stream, news, dispatch.sent_at), [socket]
