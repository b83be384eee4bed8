"""One client, whatever carries its packets."""

import asyncio
import random
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from services.realtime.engine import packets
from services.realtime.engine.link import NOBODY, Nobody
from services.realtime.engine.packets import Received, Sendable
from services.realtime.engine.polling import Polling
from services.realtime.engine.websocket import WebSocket
from services.realtime.engine.wire import Wire

# Why a session ended, in the words of python-socketio.
BY_SERVER = "server disconnect"
BY_CLIENT = "client disconnect"
PING_TIMEOUT = "ping timeout"
TRANSPORT_CLOSE = "transport close"
TRANSPORT_ERROR = "transport error"
TOO_FAST = "too many messages"
SLOW = "slow"

BURST = 3.0  # seconds' worth of messages that a client may send at once
BACKLOG = 2 * BURST  # seconds' worth that may wait: a burst, and what comes while a message takes as long again


@dataclass(frozen=True, kw_only=True)
class Options:
    """How clients are served. Times are seconds, sizes bytes."""

    allowed_origins: tuple[str, ...] = ("*",)
    max_payload: int = 100_000
    hold_buffer: int = 1 << 16  # unread bytes from which a client is held to be slow
    max_buffer: int = 1 << 20  # unread bytes at which it is cut off
    ping_interval: float = 25.0
    ping_timeout: float = 20.0
    messages_per_second: float = 50.0


class Handlers(Protocol):
    """Who is told of what happens to sessions."""

    def opened(self, session: "Session") -> None:
        """A session begins."""
        ...

    async def message(self, session: "Session", data: str | bytes) -> None:
        """A message has come; the next one waits until this returns."""
        ...

    async def closed(self, session: "Session", reason: str) -> None:
        """A session has ended, and all its messages have been handled."""
        ...

    def held(self, session: "Session", slow: bool) -> None:
        """The client reads more slowly than it is written to, or has caught up."""
        ...


class Owner(Protocol):
    """What a session needs of the engine."""

    options: Options
    handlers: Handlers

    def upgraded(self, session: "Session") -> None:
        """The session has a WebSocket now."""
        ...

    def forget(self, session: "Session") -> None:
        """The session has ended."""
        ...

    def spawn(self, session: "Session") -> None:
        """Run the session's `work`."""
        ...


class Session:
    """The state of one client. Nothing here waits, but for the handling of messages."""

    __slots__ = (
        "_awaiting_pong",
        "_inbox",
        "_link",
        "_owner",
        "_paced",
        "_pinged_at",
        "_reason",
        "_wire",
        "address",
        "id",
        "slow",
        "write",
    )

    def __init__(self, owner: Owner, sid: str, address: str, link: Polling | WebSocket, now: float) -> None:
        self.id = sid
        self.address = address
        self.slow = False
        self._owner = owner
        self._link: Polling | WebSocket | Nobody = link
        self._reason = ""  # why it ended
        self._inbox: deque[str | bytes] | None = None  # there while messages are being handled
        self._awaiting_pong = False
        # As if pinged a little while ago, at random: clients that came together are not pinged together.
        self._pinged_at = now - random.uniform(0.05, 0.25) * owner.options.ping_interval
        self._paced = now
        self._wire = Wire()
        self.write = self._wire.send  # see Outlet.write
        link.receiver = self
        link.adopt(self._wire)

    @property
    def closed(self) -> bool:
        """Whether the session has ended."""
        return bool(self._reason)

    @property
    def link(self) -> Polling | WebSocket | Nobody:
        """The transport."""
        return self._link

    def send(self, packet: Sendable, taken: int = 0) -> None:
        """Send a packet, after whatever was sent before, but for those bytes that `write` has taken already."""
        if self._reason:
            return
        self._link.send(packet, taken)
        if self.slow and self._link.unsent > self._owner.options.max_buffer:
            self.cut(SLOW)

    def close(self, reason: str = BY_SERVER) -> None:
        """End the session; what was sent before still goes out."""
        if self._end(reason):
            self._link.close(by_client=reason == BY_CLIENT)

    def cut(self, reason: str) -> None:
        """End the session at once, without what waits."""
        if self._end(reason):
            self._link.abort()

    def received(self, packet: Received) -> None:
        """A packet has come."""
        if self._reason or not self.allows():
            return
        if packet.kind == packets.MESSAGE:
            self._handle(packet.data)
        elif packet.kind == packets.PONG:
            self._awaiting_pong = False
        elif packet.kind == packets.CLOSE:
            self.close(BY_CLIENT)
        else:
            self.close(TRANSPORT_ERROR)

    def allows(self) -> bool:
        """Count one of the things that a client may send; one that sends too much is cut off."""
        too_fast = self._is_too_fast(asyncio.get_running_loop().time())
        if too_fast:
            self.close(TOO_FAST)
        return not too_fast

    def lost(self) -> None:
        """The connection has ended."""
        self.close(TRANSPORT_CLOSE)

    def hold(self) -> None:
        """The client has fallen behind."""
        if not self.slow and not self._reason:
            self.slow = True
            self._owner.handlers.held(self, True)

    def resume(self) -> None:
        """The client has caught up."""
        if self.slow:
            self.slow = False
            self._owner.handlers.held(self, False)

    def upgrade(self, websocket: WebSocket) -> None:
        """The WebSocket takes over, beginning with what polling has not delivered."""
        polling, self._link = self._link, websocket
        websocket.receiver = self
        websocket.adopt(self._wire)
        self._owner.upgraded(self)
        if isinstance(polling, Polling):
            for packet in polling.take():
                websocket.send(packet)
        if websocket.unsent <= self._owner.options.hold_buffer:  # or the transport tells when it has room
            self.resume()

    def beat(self, now: float) -> float | None:
        """Ping, or end a session whose client did not answer. Returns when to look again; None when it has ended."""
        if self._reason:
            return None
        due = self._pinged_at + self._patience
        if now < due:
            return due
        if self._awaiting_pong:
            self.close(PING_TIMEOUT)
            return None
        self._awaiting_pong, self._pinged_at = True, now
        self.send(packets.PING_PACKET)
        options = self._owner.options
        return now + min(options.ping_interval, options.ping_timeout)

    async def work(self) -> None:
        """Handle what has come, in order, and then the end if it has come."""
        inbox = self._inbox
        while inbox:
            await self._owner.handlers.message(self, inbox.popleft())
        self._inbox = None
        if self._reason:
            await self._owner.handlers.closed(self, self._reason)
            self._let_go()

    def _let_go(self) -> None:
        link, self._link = self._link, NOBODY
        if not isinstance(link, Nobody):
            link.receiver = NOBODY

    @property
    def _patience(self) -> float:
        options = self._owner.options
        return options.ping_timeout if self._awaiting_pong else options.ping_interval

    def _handle(self, data: str | bytes) -> None:
        if self._inbox is None:
            self._inbox = deque([data])
            self._owner.spawn(self)
        elif len(self._inbox) < BACKLOG * self._owner.options.messages_per_second:
            self._inbox.append(data)
        else:
            self.close(TOO_FAST)

    def _end(self, reason: str) -> bool:
        if self._reason:
            return False
        self._reason = reason
        self._owner.forget(self)
        if self._inbox is None:
            self._inbox = deque()
            self._owner.spawn(self)
        return True

    def _is_too_fast(self, now: float) -> bool:
        """The generic cell rate algorithm (ITU-T I.371): each message moves a moment that may not run far ahead."""
        options = self._owner.options
        self._paced = max(self._paced, now) + 1 / options.messages_per_second
        return self._paced - now > BURST
