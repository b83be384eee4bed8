"""All nodes as one: who is alive, and questions that every node answers until a deadline.

A node is known by its heartbeat, the statistics that it publishes once a second. Nothing about clients is stored
anywhere but on their own node, so that those of a node that dies are gone with it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Protocol

from cryptovault.events.v1.events_pb2 import ServiceStats
from cryptovault.realtime.v1.cluster_pb2 import NodeAnswer, NodeQuestion
from google.protobuf.message import Message

from services.kit.bus import Delivery, Handler, Listener
from services.kit.clock import Clock
from services.kit.errors import Unavailable
from services.realtime.handlers.rooms import Ending

HEARTBEAT_SUBJECT = "cv.stats.realtime"
QUESTION_SUBJECT = "cv.realtime.question"
ANSWER_SUBJECT = "cv.realtime.answer."

SILENCE = 3.0  # seconds after which a node is not waited for any more
FORGET_AFTER = 15.0  # seconds of silence for which it is named as missing
DEADLINE = 0.5  # seconds for an answer

Answering = Callable[[NodeQuestion], Awaitable[NodeAnswer]]


class Publishing(Protocol):
    """What is needed of the bus."""

    async def publish(self, subject: str, payload: Message | bytes) -> None:
        """Send to whoever listens now. Raises Unavailable."""
        ...

    async def subscribe(self, subject: str, handler: Handler, queue: str = "") -> Ending:
        """Hand every message on `subject` to `handler`."""
        ...

    def on_connect(self, listener: Listener) -> None:
        """Call `listener` after every connection."""
        ...


@dataclass(frozen=True, slots=True)
class Answers:
    """What the nodes answered, this one first, and the names of those that are known and did not."""

    given: list[NodeAnswer]
    missing: list[str]


@dataclass(slots=True)
class _Asked:
    """A question that is under way."""

    awaited: set[str]  # nodes
    given: list[NodeAnswer] = field(default_factory=list)
    complete: asyncio.Event = field(default_factory=asyncio.Event)


class Cluster:
    """This node among the others."""

    def __init__(self, node: str, bus: Publishing, answer: Answering, clock: Clock) -> None:
        self._node = node
        self._bus = bus
        self._answer = answer
        self._clock = clock
        self._inbox = f"{ANSWER_SUBJECT}{token_hex(8)}"
        self._heard: dict[str, float] = {}  # other nodes, and when they were heard last
        self._asked: dict[str, _Asked] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def join(self) -> AsyncIterator[None]:
        """Take part; at the end the others are told."""
        subscriptions = [
            await self._bus.subscribe(HEARTBEAT_SUBJECT, self.heartbeat),
            await self._bus.subscribe(QUESTION_SUBJECT, self._question),
            await self._bus.subscribe(self._inbox, self._answered),
        ]
        self._bus.on_connect(lambda: self._tell(NodeQuestion(action=NodeQuestion.ACTION_UNSPECIFIED)))
        try:
            yield
        finally:
            for subscription in subscriptions:
                await subscription.unsubscribe()
            await self._tell(NodeQuestion(action=NodeQuestion.ACTION_FAREWELL))

    async def heartbeat(self, delivery: Delivery) -> None:
        """A node is alive."""
        self._hear(ServiceStats.FromString(delivery.data).replica)

    def alive(self) -> set[str]:
        """The other nodes that were heard lately."""
        return self._silent_for_less_than(SILENCE)

    async def ask(self, question: NodeQuestion, deadline: float = DEADLINE) -> Answers:
        """Ask all nodes, this one too, and wait for their answers for at most so many seconds."""
        question.id, question.node, question.reply_to = token_hex(8), self._node, self._inbox
        asked = self._asked[question.id] = _Asked(self.alive())
        own = asyncio.ensure_future(self._answer(question))
        try:
            await self._bus.publish(QUESTION_SUBJECT, question)
            await self._await(asked, deadline)
        except Unavailable:
            asked.given.clear()
        finally:
            del self._asked[question.id]
        given = [await own, *asked.given]
        return Answers(given, sorted(self._silent_for_less_than(FORGET_AFTER) - {answer.node for answer in given}))

    async def _await(self, asked: _Asked, deadline: float) -> None:
        if asked.awaited:
            with suppress(TimeoutError):
                async with asyncio.timeout(deadline):
                    await asked.complete.wait()

    async def _question(self, delivery: Delivery) -> None:
        question = NodeQuestion.FromString(delivery.data)
        if question.node == self._node:
            return
        if question.action == NodeQuestion.ACTION_FAREWELL:
            self._heard.pop(question.node, None)
            return
        self._hear(question.node)
        task = asyncio.get_running_loop().create_task(self._reply(question))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reply(self, question: NodeQuestion) -> None:
        answer = await self._answer(question)
        with suppress(Unavailable):
            await self._bus.publish(question.reply_to, answer)

    async def _answered(self, delivery: Delivery) -> None:
        answer = NodeAnswer.FromString(delivery.data)
        self._hear(answer.node)
        asked = self._asked.get(answer.id)
        if asked is None:
            return
        asked.given.append(answer)
        asked.awaited.discard(answer.node)
        if not asked.awaited:
            asked.complete.set()

    async def _tell(self, word: NodeQuestion) -> None:
        """Say something to which no answer is awaited."""
        word.node, word.reply_to = self._node, self._inbox
        with suppress(Unavailable):
            await self._bus.publish(QUESTION_SUBJECT, word)

    def _hear(self, node: str) -> None:
        if node != self._node:
            self._heard[node] = self._clock.monotonic()

    def _silent_for_less_than(self, seconds: float) -> set[str]:
        now = self._clock.monotonic()
        self._heard = {node: heard for node, heard in self._heard.items() if now - heard < FORGET_AFTER}
        return {node for node, heard in self._heard.items() if now - heard < seconds}
