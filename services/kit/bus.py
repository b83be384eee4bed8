"""NATS: events between services, with trace context in the headers, and JetStream for what must not be lost.

A Bus opens even when NATS is away, connects as soon as it is there, and reconnects for ever. Subscriptions made at any
time hold over all of that; what was published while the link was down is gone, except in JetStream.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import cast

import nats
import nats.errors
from google.protobuf.message import Message
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as NatsSubscription
from nats.js import JetStreamContext
from nats.js.api import StorageType, StreamConfig
from opentelemetry import context

from services.kit import telemetry
from services.kit.cancellation import end
from services.kit.errors import Unavailable

logger = logging.getLogger(__name__)

USER_EVENTS = StreamConfig(
    name="USER_EVENTS",
    subjects=["cv.user.>"],
    storage=StorageType.FILE,
    max_age=7 * 24 * 3600,  # seconds
    max_msgs_per_subject=1000,
    duplicate_window=120,  # seconds
)
MESSAGE_ID = "Nats-Msg-Id"  # JetStream drops a second message with the same id

RECONNECT_WAIT = 0.2  # seconds
PUBLISH_TIMEOUT = 2.0  # seconds


@dataclass(frozen=True)
class Delivery:
    """One message as it arrived."""

    subject: str
    data: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Delivery], Awaitable[None]]
Listener = Callable[[], Awaitable[None]]


class Subscription:
    """A standing wish for messages; ends with `unsubscribe`."""

    def __init__(self, bus: "Bus", subject: str, handler: Handler, queue: str) -> None:
        self.subject = subject
        self._bus = bus
        self._handler = handler
        self._queue = queue
        self._live: NatsSubscription | None = None

    async def start(self, client: Client) -> None:
        """Subscribe on the first connection; the client itself does so again after a reconnect."""
        if self._live is None:
            self._live = await client.subscribe(self.subject, queue=self._queue, cb=self._deliver)

    async def unsubscribe(self) -> None:
        """Want no more messages."""
        self._bus.forget(self)
        if self._live is not None:
            with suppress(nats.errors.Error):
                await self._live.unsubscribe()

    async def _deliver(self, message: Msg) -> None:
        headers = message.headers or {}
        token = context.attach(telemetry.extract(headers)) if headers else None
        try:
            await self._handler(Delivery(message.subject, message.data, headers))
        except Exception as error:
            logger.exception("handler of %s failed", self.subject)
            telemetry.capture(error)
        finally:
            if token is not None:
                context.detach(token)


class Bus:
    """The connection of one process to NATS."""

    def __init__(self, url: str, name: str) -> None:
        self._servers = [part.strip() for part in url.split(",")]
        self._name = name
        self._subscriptions: list[Subscription] = []
        self._listeners: list[Listener] = []
        self._connecting: asyncio.Task[None] | None = None
        self._closing = False
        self._established = False  # a client that never had a connection cannot be closed
        self.client = Client()

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, name: str) -> AsyncIterator["Bus"]:
        """A bus that connects in the background; closed at the end, after sending what is pending."""
        bus = cls(url, name)
        bus._connecting = asyncio.create_task(bus._connect(), name="bus-connect")
        try:
            yield bus
        finally:
            await bus._close()

    @property
    def connected(self) -> bool:
        """Whether the link is up."""
        return bool(self.client.is_connected)

    @property
    def jetstream(self) -> JetStreamContext:
        """The durable side of NATS."""
        return self.client.jetstream(timeout=PUBLISH_TIMEOUT)

    def on_connect(self, listener: Listener) -> None:
        """Call `listener` after the first connection and after every reconnection."""
        self._listeners.append(listener)

    async def publish(self, subject: str, payload: Message | bytes) -> None:
        """Send to whoever listens now. Raises Unavailable when the link is down."""
        if not self.connected:
            raise Unavailable("NATS is away")
        headers: dict[str, str] = {}
        telemetry.inject(headers)
        try:
            await self.client.publish(subject, _encode(payload), headers=headers or None)
        except (nats.errors.Error, OSError) as error:
            raise Unavailable("NATS is away") from error

    async def publish_durable(self, subject: str, payload: Message | bytes, *, message_id: str) -> int:
        """Store in JetStream; returns the sequence in the stream. Raises Unavailable when it is not confirmed."""
        if not self.connected:
            raise Unavailable("NATS is away")
        headers = {MESSAGE_ID: message_id}
        telemetry.inject(headers)
        try:
            ack = await self.jetstream.publish(subject, _encode(payload), headers=headers, timeout=PUBLISH_TIMEOUT)
        except (nats.errors.Error, OSError, TimeoutError) as error:
            raise Unavailable("the event could not be stored") from error
        return int(ack.seq)

    async def subscribe(self, subject: str, handler: Handler, queue: str = "") -> Subscription:
        """Hand every message on `subject` to `handler`, one after another; with `queue`, one member of it gets each."""
        subscription = Subscription(self, subject, handler, queue)
        self._subscriptions.append(subscription)
        if self.connected:
            await subscription.start(self.client)
        return subscription

    def forget(self, subscription: Subscription) -> None:
        """Drop a subscription from those that are set up at connection."""
        with suppress(ValueError):
            self._subscriptions.remove(subscription)

    async def ping(self) -> None:
        """Raises unless NATS answers."""
        if not self.connected:
            raise Unavailable("not connected")
        await self.client.flush(timeout=1)

    async def _connect(self) -> None:
        await self.client.connect(
            servers=self._servers,
            name=self._name,
            max_reconnect_attempts=-1,
            reconnect_time_wait=cast("int", RECONNECT_WAIT),  # annotated as whole seconds, used as any number
            connect_timeout=1,
            ping_interval=5,
            error_cb=self._note_error,
            disconnected_cb=self._note_disconnect,
            reconnected_cb=self._note_reconnect,
        )
        self._established = True
        await self._connected()

    async def _connected(self) -> None:
        logger.info("connected to NATS")
        for subscription in list(self._subscriptions):
            await subscription.start(self.client)
        await self._ensure_stream()
        for listener in self._listeners:
            try:
                await listener()
            except Exception:
                logger.exception("a listener of the connection failed")

    async def _ensure_stream(self) -> None:
        while self.connected:
            try:
                await self.jetstream.add_stream(USER_EVENTS)
                return
            except nats.errors.Error as error:  # JetStream comes up a little later than its server
                logger.info("JetStream is not usable yet: %r", error)
                await asyncio.sleep(RECONNECT_WAIT)

    async def _note_reconnect(self) -> None:
        # In a task of its own: the client waits for this callback before it reads on.
        self._connecting = asyncio.create_task(self._connected(), name="bus-connected")

    async def _note_error(self, error: Exception) -> None:
        logger.debug("NATS: %r", error)

    async def _note_disconnect(self) -> None:
        if not self._closing:
            logger.warning("NATS is away")

    async def _close(self) -> None:
        self._closing = True
        if self._connecting is not None:
            await end([self._connecting])
            with suppress(asyncio.CancelledError, Exception):
                self._connecting.result()
        if self.connected:
            with suppress(nats.errors.Error, OSError, TimeoutError):
                await self.client.flush(timeout=1)
        if self._established:
            with suppress(OSError):  # NATS may go at the same moment
                await self.client.close()


def _encode(payload: Message | bytes) -> bytes:
    return payload if isinstance(payload, bytes) else payload.SerializeToString()
