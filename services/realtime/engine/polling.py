"""Long polling: packets wait until the client's GET is there to take them."""

import asyncio

from services.realtime.domain.packets import SEPARATOR
from services.realtime.engine.link import Receiver
from services.realtime.engine.packets import CLOSE_PACKET, NOOP_PACKET, Sendable
from services.realtime.engine.wire import Wire


class Overlap(Exception):
    """The client polls while it is still being answered, which breaks the protocol."""


class Polling:
    """The polling transport of one session."""

    __slots__ = ("_hold_buffer", "_outbox", "_poll", "probed", "receiver", "unsent", "upgrading")

    name = "polling"
    receiver: Receiver

    def __init__(self, hold_buffer: int) -> None:
        self._hold_buffer = hold_buffer  # characters
        self._outbox: list[Sendable] = []
        self._poll: asyncio.Future[None] | None = None
        self.unsent = 0  # characters
        self.probed = False  # whether a WebSocket is there that may take over
        self.upgrading = False

    def adopt(self, wire: Wire) -> None:
        """There is nothing to write to; the wire stays shut."""

    def send(self, packet: Sendable, taken: int = 0) -> None:
        """Let a packet wait for the next poll, or end the one that waits."""
        self._outbox.append(packet)
        self.unsent += len(packet.payload)
        self._release()
        if self.unsent > self._hold_buffer:
            self.receiver.hold()

    async def poll(self) -> str:
        """What there is, as soon as there is something. Raises Overlap."""
        if self._poll is not None:
            raise Overlap
        if not self._outbox and not self.upgrading:
            self._poll = asyncio.get_running_loop().create_future()
            try:
                await self._poll
            finally:
                self._poll = None
        packets = self.take() or [NOOP_PACKET]
        self.receiver.resume()
        return SEPARATOR.join(packet.payload for packet in packets)

    def take(self) -> list[Sendable]:
        """Everything that waits."""
        packets, self._outbox, self.unsent = self._outbox, [], 0
        return packets

    def begin_upgrade(self) -> None:
        """From now on no poll waits, so that the client can leave."""
        self.upgrading = True
        self._release()

    def close(self, by_client: bool) -> None:
        """End the poll that waits; a client that asked for the end needs no word of it."""
        self._outbox.append(NOOP_PACKET if by_client else CLOSE_PACKET)
        self._release()

    def abort(self) -> None:
        """End without what waits."""
        self.take()
        self.close(by_client=False)

    def _release(self) -> None:
        if self._poll is not None and not self._poll.done():
            self._poll.set_result(None)
