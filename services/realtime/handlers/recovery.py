"""Clients that come back: what they missed, from memory or from the stream."""

import asyncio
from dataclasses import dataclass, field

from services.kit.errors import Unavailable
from services.realtime.domain.hub import Hub
from services.realtime.domain.payloads import UserEvent
from services.realtime.domain.recovery import Offset, decode
from services.realtime.domain.registry import Identity
from services.realtime.handlers.history import History
from services.realtime.handlers.rooms import Rooms
from services.realtime.translation import user_event_of

MOST = 200  # events: who has missed more begins anew, and reads the rest with GET /api/notifications
MOST_BYTES = 1 << 18  # of their data, so that nobody comes back to more than the buffer of a slow client holds
MAX_PID = 64  # characters
BEHIND = 0.5  # seconds in which a node hears what the one that the client comes from had sent


@dataclass(frozen=True)
class Recovered:
    """The state that a client comes back with."""

    pid: str
    channels: dict[str, float | None]  # with the paces that were chosen
    after: int
    missed: list[UserEvent] = field(default_factory=list)


class Recovery:
    """Finds out what clients have missed."""

    def __init__(self, hub: Hub, rooms: Rooms, history: History) -> None:
        self._hub = hub
        self._rooms = rooms
        self._history = history

    async def recover(self, auth: object, identity: Identity | None) -> Recovered | None:
        """The client's state, None when it has to begin anew: it is new, or another user, or has missed too much."""
        pid, offset = (auth.get("pid"), decode(auth.get("offset"))) if isinstance(auth, dict) else (None, None)
        if not isinstance(pid, str) or not 0 < len(pid) <= MAX_PID or offset is None:
            return None
        self._hub.meter.reconnects += 1
        if offset.user_id != (identity.user_id if identity else ""):
            return None
        channels = {name: offset.hz.get(name) for name in offset.channels if self._hub.has_channel(name)}
        await self._rooms.hear(channels)  # first: nothing may happen between the last look at the stream and the return
        missed = await self._missed(offset) if identity else []
        if missed is None or len(missed) > MOST or sum(len(event.data) for event in missed) > MOST_BYTES:
            return None
        return Recovered(pid, channels, max([offset.after, *(event.id for event in missed)]), missed)

    async def _missed(self, offset: Offset) -> list[UserEvent] | None:
        recent = self._hub.recent
        if offset.after > recent.last:
            await asyncio.sleep(BEHIND)
        seen = recent.last
        if offset.after > seen:  # the stream began anew, or this node does not hear it
            return None
        remembered = recent.since(offset.user_id, offset.after)
        if remembered is not None:
            return remembered
        try:
            kept = await self._history.after(offset.user_id, offset.after, MOST + 1)
        except Unavailable:
            return None
        read = [event for item in kept if (event := user_event_of(item.id, item.data)) is not None]
        meanwhile = recent.since(offset.user_id, max([seen, *(event.id for event in read)]))
        return None if meanwhile is None else read + meanwhile
