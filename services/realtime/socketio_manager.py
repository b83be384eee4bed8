"""python-socketio's book of clients and rooms, on our sessions.

Every question is answered by an index, so that a disconnect costs as many steps as the client has rooms; and what is
emitted to a room is encoded and framed once. The library's own manager looks through all rooms at each disconnect and
makes a task for each recipient.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from inspect import isawaitable
from itertools import count
from secrets import token_urlsafe
from typing import Any

from socketio.packet import EVENT, Packet

from services.realtime.engine.packets import Sendable, message
from services.realtime.engine.session import Session

Acknowledged = Callable[..., Awaitable[None] | None]
Left = Callable[[str], None]


class State(Enum):
    """Where a client is on its way in and out."""

    PENDING = 1
    CONNECTED = 2
    LEAVING = 3


@dataclass(frozen=True, slots=True)
class Awaited:
    """Whom to tell of an acknowledgement, or that the client has left without one."""

    acknowledged: Acknowledged
    left: Left | None = None


@dataclass(eq=False, slots=True)
class Client:
    """A session's connection to one namespace."""

    sid: str
    namespace: str
    session: Session
    state: State = State.PENDING
    rooms: set[str] | None = None
    awaited: dict[int, Awaited] | None = None  # acknowledgements, by packet id

    def expect(self, number: int, callback: Acknowledged, left: Left | None = None) -> None:
        """Call back with (sid, *arguments) when the client acknowledges the packet of this number.

        If it leaves first, `left` is called with (sid) instead.
        """
        self.awaited = {**(self.awaited or {}), number: Awaited(callback, left)}

    def expect_no_more(self, number: int) -> None:
        """The acknowledgement would come too late."""
        if self.awaited:
            self.awaited.pop(number, None)

    def leave(self) -> None:
        """The client will acknowledge nothing more."""
        awaited, self.awaited = self.awaited or {}, None
        for item in awaited.values():
            if item.left is not None:
                item.left(self.sid)


@dataclass
class Manager:
    """What python-socketio asks of its client manager."""

    _clients: dict[str, Client] = field(default_factory=dict)
    _of_session: dict[str, dict[str, Client]] = field(default_factory=dict)  # by session, by namespace
    _namespaces: dict[str, dict[str, Client]] = field(default_factory=dict)
    _rooms: dict[tuple[str, str], dict[str, Client]] = field(default_factory=dict)  # by namespace and name
    _ids: Iterator[int] = field(default_factory=lambda: count(1), compare=False)

    def set_server(self, server: object) -> None:
        """The library introduces itself."""

    def begin(self, session: Session, namespace: str) -> Client | None:
        """A session asks for a namespace; None if it has it already."""
        namespaces = self._of_session.setdefault(session.id, {})
        if namespace in namespaces:
            return None
        client = Client(token_urlsafe(15), namespace, session)
        self._clients[client.sid] = namespaces[namespace] = client
        return client

    def admit(self, client: Client) -> None:
        """The client is connected."""
        client.state = State.CONNECTED
        self._namespaces.setdefault(client.namespace, {})[client.sid] = client

    def forget(self, client: Client) -> None:
        """The client is gone."""
        self._clients.pop(client.sid, None)
        _discard(self._of_session, client.session.id, client.namespace)
        _discard(self._namespaces, client.namespace, client.sid)
        for room in client.rooms or ():
            _discard(self._rooms, (client.namespace, room), client.sid)
        client.leave()

    def of_session(self, session: Session) -> list[Client]:
        """The namespaces that a session is connected to, or about to be."""
        return list(self._of_session.get(session.id, {}).values())

    def sid_from_eio_sid(self, eio_sid: str, namespace: str) -> str | None:
        """The client's id in a namespace."""
        client = self._of_session.get(eio_sid, {}).get(namespace)
        return client.sid if client else None

    def connected(self, sid: str, namespace: str) -> Client | None:
        """The client, if it has been let in and is not on its way out."""
        client = self._clients.get(sid)
        return client if client is not None and client.state is State.CONNECTED else None

    def is_connected(self, sid: str, namespace: str) -> bool:
        """Whether the client has been let in and is not on its way out."""
        return self.connected(sid, namespace) is not None

    def next_id(self) -> int:
        """A number for a packet that is to be acknowledged, which no other has."""
        return next(self._ids)

    async def can_disconnect(self, sid: str, namespace: str) -> bool:
        """Whether there is something to disconnect."""
        return self.is_connected(sid, namespace)

    def pre_disconnect(self, sid: str, namespace: str) -> str:
        """The client is on its way out; returns its session."""
        client = self._clients[sid]
        client.state = State.LEAVING
        return client.session.id

    async def disconnect(self, sid: str, namespace: str, ignore_queue: bool = False) -> None:
        """The client is gone."""
        client = self._clients.get(sid)
        if client is not None:
            self.forget(client)

    async def enter_room(self, sid: str, namespace: str, room: str) -> None:
        """Let a client into a room."""
        client = self._clients[sid]
        client.rooms = (client.rooms or set()) | {room}
        self._rooms.setdefault((namespace, room), {})[sid] = client

    async def leave_room(self, sid: str, namespace: str, room: str) -> None:
        """Let a client out of a room."""
        client = self._clients[sid]
        (client.rooms or set()).discard(room)
        _discard(self._rooms, (namespace, room), sid)

    def get_rooms(self, sid: str, namespace: str) -> list[str]:
        """The rooms of a client; the first is its own."""
        client = self._clients.get(sid)
        return [sid, *sorted(client.rooms or ())] if client else []

    async def emit(
        self,
        event: str,
        data: object,
        namespace: str,
        room: str | None = None,
        skip_sid: str | list[str] | None = None,
        callback: Acknowledged | None = None,
        ignore_queue: bool = False,
    ) -> None:
        """Send an event to a client, a room or the namespace."""
        arguments = list(data) if isinstance(data, tuple) else [] if data is None else [data]
        skipped = [skip_sid] if isinstance(skip_sid, str) else skip_sid or []
        clients = [client for client in self._recipients(namespace, room) if client.sid not in skipped]
        if callback is None:
            sendables = encoded(Packet(EVENT, namespace=namespace, data=[event, *arguments]))
            for client in clients:
                send(client.session, sendables)
            return
        for client in clients:
            number = self.next_id()
            client.expect(number, _without_sid(callback))
            send(client.session, encoded(Packet(EVENT, namespace=namespace, data=[event, *arguments], id=number)))

    async def trigger_callback(self, sid: str, id: int, data: Iterable[object]) -> None:
        """A client has acknowledged; what was not asked for, or twice, is passed over."""
        client = self._clients.get(sid)
        awaited = client.awaited.pop(id, None) if client and client.awaited else None
        answer = awaited.acknowledged(sid, *data) if awaited else None
        if isawaitable(answer):
            await answer

    def _recipients(self, namespace: str, room: str | None) -> list[Client]:
        if room is None:
            return list(self._namespaces.get(namespace, {}).values())
        client = self._clients.get(room)
        return [client] if client else list(self._rooms.get((namespace, room), {}).values())


def encoded(packet: Packet) -> list[Sendable]:
    """A packet and its binary attachments, ready to send."""
    parts = packet.encode()
    return [message(part) for part in (parts if isinstance(parts, list) else [parts])]


def send(session: Session, sendables: list[Sendable]) -> None:
    """Send the parts of one packet, with nothing between them."""
    for sendable in sendables:
        session.send(sendable)


def _without_sid(callback: Acknowledged) -> Acknowledged:
    """The library's callbacks are called with what the client sent, and nothing else."""
    return lambda sid, *arguments: callback(*arguments)


def _discard(index: dict[Any, dict[str, Client]], key: object, member: str) -> None:
    members = index.get(key, {})
    members.pop(member, None)
    if not members:
        index.pop(key, None)
