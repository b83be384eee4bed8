"""Who is connected, as whom, and to which channels; every question answered by an index."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from services.realtime.domain.packets import Bundle, Packet
from services.realtime.domain.payloads import UserEvent
from services.realtime.domain.streams import Stream

Write = Callable[[bytes], int]
Key = TypeVar("Key")


class Outlet(Protocol):
    """The way to one client. Nothing here waits, and a client that is gone is no error."""

    @property
    def write(self) -> Write:
        """The short way: gives a frame to the kernel and returns how many bytes it took; for the rest there is `send`.

        Raises OSError when only `send` will do. It stays the same for as long as the client is connected.
        """
        ...

    def send(self, packet: Packet | Bundle, taken: int = 0) -> None:
        """Write one or several events, after whatever was written before, but for what `write` took."""
        ...

    def disconnect(self) -> None:
        """End the Socket.IO connection: stock clients do not come back by themselves."""
        ...

    def close(self) -> None:
        """End the transport: stock clients reconnect."""
        ...

    def cut_off(self) -> None:
        """End the transport at once, without what waits: the client reads too slowly."""
        ...

    @property
    def transport(self) -> str:
        """Either "websocket" or "polling"."""
        ...


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom an access token speaks for."""

    user_id: str
    session_id: str
    epoch: int
    expires_at: float  # seconds since 1970 UTC


@dataclass(eq=False, slots=True)
class Socket:
    """One connected client. `channels` are those it asked for and was granted, each at its pace."""

    id: str
    outlet: Outlet
    identity: Identity | None = None
    channels: dict[str, Stream] = field(default_factory=dict)
    delivered: int = -1  # the last user event it was sent, or could have been
    backlog: list[UserEvent] | None = None  # user events that wait until the socket has been greeted


class Audience:
    """Some sockets and their ways to write, side by side: a fan-out walks along the second list and nothing else."""

    __slots__ = ("sockets", "writes")

    def __init__(self, sockets: Iterable[Socket]) -> None:
        self.sockets = list(sockets)
        self.writes = [socket.outlet.write for socket in self.sockets]

    def __len__(self) -> int:
        return len(self.sockets)

    def part(self, begin: int, end: int) -> "Audience":
        """Some of them."""
        if end - begin == len(self):
            return self
        part = Audience(())
        part.sockets, part.writes = self.sockets[begin:end], self.writes[begin:end]
        return part


class Registry:
    """All sockets of this node."""

    def __init__(self) -> None:
        self._sockets: dict[str, Socket] = {}
        self._users: dict[str, set[Socket]] = {}
        self._sessions: dict[str, set[Socket]] = {}
        self._members: dict[str, dict[Stream, set[Socket]]] = {}  # by channel
        self._audiences: dict[Stream, Audience] = {}  # the members of streams, until they change

    def __len__(self) -> int:
        return len(self._sockets)

    def __contains__(self, socket: Socket) -> bool:
        return socket.id in self._sockets

    def find(self, socket_id: str) -> Socket | None:
        """The socket of this id, if it is connected."""
        return self._sockets.get(socket_id)

    def all(self) -> Collection[Socket]:
        """Every socket."""
        return self._sockets.values()

    def of_user(self, user_id: str) -> Collection[Socket]:
        """The sockets of a user."""
        return self._users.get(user_id, ())

    def of_session(self, session_id: str) -> Collection[Socket]:
        """The sockets of a session."""
        return self._sessions.get(session_id, ())

    def subscribers(self, channel: str) -> Collection[Socket]:
        """The subscribers of a channel, whatever their pace."""
        groups = [*self._members.get(channel, {}).values()]
        return groups[0] if len(groups) == 1 else set().union(*groups)

    def member_counts(self) -> dict[str, int]:
        """Number of subscribers by channel."""
        return {channel: sum(map(len, streams.values())) for channel, streams in self._members.items()}

    def stream_of(self, socket: Socket, channel: str) -> Stream | None:
        """The stream by which the socket is sent a channel, if it is."""
        streams = self._members.get(channel, {})
        return next((stream for stream, members in streams.items() if socket in members), None)

    def members(self, stream: Stream) -> Collection[Socket]:
        """The subscribers of a stream."""
        return self._members.get(stream.channel, {}).get(stream, ())

    def audience(self, stream: Stream) -> Audience:
        """The subscribers of a stream, to be written to."""
        audience = self._audiences.get(stream)
        if audience is None:
            audience = Audience(self.members(stream))
            if audience.sockets:
                self._audiences[stream] = audience
        return audience

    def audiences(self, channel: str) -> list[Audience]:
        """The subscribers of a channel, whatever their pace, to be written to."""
        return [self.audience(stream) for stream in self._members.get(channel, ())]

    @property
    def authenticated(self) -> int:
        """Number of sockets that carry a user."""
        return sum(len(sockets) for sockets in self._users.values())

    def add(self, socket: Socket) -> None:
        """Take in a new socket."""
        self._sockets[socket.id] = socket

    def remove(self, socket: Socket) -> None:
        """Forget a socket that has left all its channels."""
        self.identify(socket, None)
        self._sockets.pop(socket.id, None)

    def identify(self, socket: Socket, identity: Identity | None) -> None:
        """The socket now speaks for this user, or for nobody."""
        if socket.identity is not None:
            _discard(self._users, socket.identity.user_id, socket)
            _discard(self._sessions, socket.identity.session_id, socket)
        socket.identity = identity
        if identity is not None:
            self._users.setdefault(identity.user_id, set()).add(socket)
            self._sessions.setdefault(identity.session_id, set()).add(socket)

    def join(self, socket: Socket, stream: Stream) -> bool:
        """Subscribe; returns whether the stream had no subscriber before."""
        members = self._members.setdefault(stream.channel, {}).setdefault(stream, set())
        members.add(socket)
        self._audiences.pop(stream, None)
        return len(members) == 1

    def leave(self, socket: Socket, stream: Stream) -> bool:
        """Unsubscribe; returns whether the stream has no subscriber any more."""
        self._audiences.pop(stream, None)
        streams = self._members.get(stream.channel, {})
        ended = _discard(streams, stream, socket)
        if not streams:
            self._members.pop(stream.channel, None)
        return ended


def _discard(index: dict[Key, set[Socket]], key: Key, socket: Socket) -> bool:
    """Remove a socket from an index, and the key with its last socket; returns whether it was the last."""
    sockets = index.get(key)
    if sockets is None or socket not in sockets:
        return False
    sockets.discard(socket)
    if not sockets:
        del index[key]
    return not sockets
