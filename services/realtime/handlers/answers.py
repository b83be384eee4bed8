"""What a node answers when another one asks: for the sockets that are here."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

import msgspec
from cryptovault.realtime.v1.cluster_pb2 import Acknowledgement, NodeAnswer, NodeQuestion, SocketFilter, SocketInfo
from cryptovault.realtime.v1.stats_pb2 import SocketStats
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer
from google.protobuf.message import Message

from services.realtime.domain.hub import Hub
from services.realtime.domain.packets import Packet
from services.realtime.domain.registry import Socket
from services.realtime.domain.selection import Selection, owner
from services.realtime.handlers.rooms import Rooms

ROOM = 512 * 1024  # bytes of one answer; NATS carries a megabyte
TURN = 500  # changes in a turn of the event loop, some milliseconds of work

Item = TypeVar("Item", bound=Message)
Action = Callable[[NodeQuestion, list[Socket], NodeAnswer], Awaitable[None]]


class Asking(Protocol):
    """The way to clients' acknowledgements."""

    async def ask(
        self, socket_ids: Collection[str], send: Callable[[int], None], deadline: float
    ) -> Mapping[str, Sequence[object]]:
        """What clients acknowledge the event with that `send` sends under a number, within `deadline` seconds."""
        ...


class Answers:
    """Answers questions about the sockets of this node, and acts on them."""

    def __init__(self, node: str, hub: Hub, rooms: Rooms, clients: Asking, figures: Callable[[], SocketStats]) -> None:
        self._node = node
        self._hub = hub
        self._rooms = rooms
        self._clients = clients
        self._figures = figures
        self._actions: dict[int, Action] = {
            NodeQuestion.ACTION_FIGURES: self._give_figures,
            NodeQuestion.ACTION_PRESENCE: self._list_users,
            NodeQuestion.ACTION_FETCH: self._list_sockets,
            NodeQuestion.ACTION_JOIN: self._join,
            NodeQuestion.ACTION_LEAVE: self._leave,
            NodeQuestion.ACTION_DISCONNECT: self._disconnect,
            NodeQuestion.ACTION_EMIT: self._emit,
        }

    async def __call__(self, question: NodeQuestion) -> NodeAnswer:
        """The answer. A question that is not known, from a later version, is answered with nothing."""
        sockets = self._selected(question.sockets)
        answer = NodeAnswer(id=question.id, node=self._node, matched=len(sockets))
        action = self._actions.get(question.action)
        if action is not None:
            await action(question, sockets, answer)
        return answer

    def _selected(self, wanted: SocketFilter) -> list[Socket]:
        if wanted.node not in ("", self._node):
            return []
        selection = Selection(
            socket_id=wanted.socket_id, user_id=wanted.user_id, session_id=wanted.session_id, channel=wanted.channel
        )
        return selection.of(self._hub.registry)

    async def _give_figures(self, question: NodeQuestion, sockets: list[Socket], answer: NodeAnswer) -> None:
        answer.figures.CopyFrom(self._figures())

    async def _list_users(self, question: NodeQuestion, sockets: list[Socket], answer: NodeAnswer) -> None:
        wanted, room = set(question.user_ids), ROOM
        counts = Counter(owner(socket)[0] for socket in sockets)
        for user_id, count in counts.items():
            if user_id and (not wanted or user_id in wanted):
                room -= len(user_id) + 16
                if room < 0:
                    answer.truncated = True
                    return
                answer.users[user_id] = count

    async def _list_sockets(self, question: NodeQuestion, sockets: list[Socket], answer: NodeAnswer) -> None:
        _fill(answer, answer.sockets, (self._described(socket) for socket in sockets[: question.limit]))

    async def _join(self, question: NodeQuestion, sockets: list[Socket], answer: NodeAnswer) -> None:
        await self._rooms.hear(name for name in question.channels if self._hub.has_channel(name))
        async for socket in self._in_turns(sockets, len(question.channels)):
            new = [name for name in question.channels if name not in socket.channels]  # the others keep their pace
            joined = self._hub.subscribe(socket, new)
            self._hub.mark(socket)
            self._hub.join(socket, joined.subscribed)

    async def _leave(self, question: NodeQuestion, sockets: list[Socket], answer: NodeAnswer) -> None:
        async for socket in self._in_turns(sockets, len(question.channels)):
            self._hub.unsubscribe(socket, question.channels)
            self._hub.mark(socket)

    async def _disconnect(self, question: NodeQuestion, sockets: list[Socket], answer: NodeAnswer) -> None:
        async for socket in self._in_turns(sockets, 1):
            socket.outlet.disconnect()

    async def _in_turns(self, sockets: list[Socket], changes: int) -> AsyncIterator[Socket]:
        """Those that are still there, for so many changes each; the loop looks after everybody else in between."""
        room = TURN
        for socket in sockets:
            if socket in self._hub.registry:
                yield socket
            room -= changes
            if room <= 0:
                await asyncio.sleep(0)
                room = TURN

    async def _emit(self, question: NodeQuestion, sockets: list[Socket], answer: NodeAnswer) -> None:
        users = {socket.id: owner(socket)[0] for socket in sockets}

        def send(number: int) -> None:
            self._hub.send(Packet(question.event, question.data_json, number), sockets)

        given = await self._clients.ask(users, send, question.deadline_ms / 1000)
        _fill(
            answer,
            answer.acknowledgements,
            (
                Acknowledgement(
                    socket_id=socket_id,
                    node=self._node,
                    user_id=users[socket_id],
                    arguments_json=msgspec.json.encode(arguments).decode(),
                )
                for socket_id, arguments in given.items()
            ),
        )

    def _described(self, socket: Socket) -> SocketInfo:
        user_id, session_id = owner(socket)
        return SocketInfo(
            socket_id=socket.id,
            node=self._node,
            user_id=user_id,
            session_id=session_id,
            transport=socket.outlet.transport,
            channels=list(socket.channels),
        )


def _fill(answer: NodeAnswer, into: "RepeatedCompositeFieldContainer[Item]", items: Iterable[Item]) -> None:
    """Put in as many as NATS carries."""
    room = ROOM
    for item in items:
        room -= item.ByteSize() + 8
        if room < 0:
            answer.truncated = True
            return
        into.append(item)
