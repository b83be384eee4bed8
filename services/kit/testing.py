"""Fakes and helpers for tests: time that moves when told, a bus in memory, free ports."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass

from google.protobuf.message import Message

from services.kit.bus import Delivery, Handler, Listener
from services.kit.errors import Unavailable


class FakeClock:
    """Time that stands still until `advance` is called; sleeping advances it."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def time(self) -> float:
        """Seconds since 1970 UTC."""
        return self.now

    def monotonic(self) -> float:
        """The same time."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Move on at once."""
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


@dataclass(frozen=True)
class Published:
    """A message that went through the FakeBus."""

    subject: str
    data: bytes
    message_id: str = ""


class FakeSubscription:
    """A subscription of the FakeBus."""

    def __init__(self, bus: "FakeBus", subject: str, handler: Handler) -> None:
        self.subject = subject
        self.handler = handler
        self._bus = bus

    async def unsubscribe(self) -> None:
        """Want no more messages."""
        self._bus.subscriptions.remove(self)


class FakeBus:
    """A Bus in memory: remembers what was published and delivers it at once."""

    def __init__(self) -> None:
        self.connected = True
        self.published: list[Published] = []
        self.subscriptions: list[FakeSubscription] = []
        self.listeners: list[Listener] = []

    def on_connect(self, listener: Listener) -> None:
        """As Bus."""
        self.listeners.append(listener)

    async def publish(self, subject: str, payload: Message | bytes) -> None:
        """As Bus."""
        await self._accept(Published(subject, _encode(payload)))

    async def publish_durable(self, subject: str, payload: Message | bytes, *, message_id: str) -> int:
        """As Bus; the sequence counts everything published."""
        await self._accept(Published(subject, _encode(payload), message_id))
        return len(self.published)

    async def subscribe(self, subject: str, handler: Handler, queue: str = "") -> FakeSubscription:
        """As Bus."""
        subscription = FakeSubscription(self, subject, handler)
        self.subscriptions.append(subscription)
        return subscription

    async def ping(self) -> None:
        """As Bus."""
        self._require_link()

    async def deliver(self, subject: str, payload: Message | bytes, headers: Mapping[str, str] | None = None) -> None:
        """Hand a message to whoever subscribed."""
        for subscription in list(self.subscriptions):
            if matches(subscription.subject, subject):
                await subscription.handler(Delivery(subject, _encode(payload), headers or {}))

    async def reconnect(self) -> None:
        """Bring the link back and tell the listeners."""
        self.connected = True
        for listener in self.listeners:
            await listener()

    async def _accept(self, message: Published) -> None:
        self._require_link()
        self.published.append(message)
        await self.deliver(message.subject, message.data)

    def _require_link(self) -> None:
        if not self.connected:
            raise Unavailable("NATS is away")


def matches(pattern: str, subject: str) -> bool:
    """Whether a NATS subject matches a pattern with `*` and `>`."""
    wanted, given = pattern.split("."), subject.split(".")
    for index, token in enumerate(wanted):
        if token == ">":
            return len(given) > index
        if index >= len(given) or token not in ("*", given[index]):
            return False
    return len(wanted) == len(given)


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _encode(payload: Message | bytes) -> bytes:
    return payload if isinstance(payload, bytes) else payload.SerializeToString()
