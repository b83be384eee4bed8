"""The gRPC service: broadcasts and a user's notifications, besides the calls of `sockets`."""

from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

import msgspec
from cryptovault.events.v1.events_pb2 import RoomEvent, UserEvent
from cryptovault.realtime.v1 import realtime_service_pb2 as pb
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from services.kit.caller import caller_of
from services.kit.clock import Clock
from services.realtime.domain.packets import Packet
from services.realtime.handlers.checks import (
    check,
    fault_of_channel,
    fault_of_event,
    fault_of_range,
    fault_of_user_id,
    json_of,
)
from services.realtime.handlers.cluster import Cluster
from services.realtime.handlers.history import History
from services.realtime.handlers.sockets import SocketHandlers
from services.realtime.handlers.subjects import EVERYBODY, EVERYBODY_SUBJECT, ROOM_SUBJECT

if TYPE_CHECKING:
    import grpc

    Context = grpc.aio.ServicerContext[Any, Any]

DEFAULT_LIMIT = 100
MAX_LIMIT = 200


class Publishing(Protocol):
    """What is needed of the bus."""

    async def publish(self, subject: str, payload: Message) -> None:
        """Send to whoever listens now."""
        ...

    async def publish_durable(self, subject: str, payload: Message, *, message_id: str) -> int:
        """Store, and return the sequence."""
        ...


class RealtimeHandlers(SocketHandlers):
    """Translates calls."""

    def __init__(self, bus: Publishing, history: History, cluster: Cluster, clock: Clock) -> None:
        super().__init__(cluster)
        self._bus = bus
        self._history = history
        self._clock = clock

    async def BroadcastToUser(
        self, request: pb.BroadcastToUserRequest, context: "Context"
    ) -> pb.BroadcastToUserResponse:
        """Keep an event for a user; every node delivers it to the user's sockets."""
        caller_of(context).require_scope("admin")
        check(fault_of_user_id(request.user_id), fault_of_event(request.event))
        event = UserEvent(
            user_id=request.user_id,
            event=request.event,
            data_json=json_of(request.data),
            created_at=self._now(),
        )
        sequence = await self._bus.publish_durable(f"cv.user.{request.user_id}", event, message_id=str(uuid4()))
        return pb.BroadcastToUserResponse(id=sequence)

    async def BroadcastToChannel(
        self, request: pb.BroadcastToChannelRequest, context: "Context"
    ) -> pb.BroadcastToChannelResponse:
        """Send an event to a channel's subscribers on all nodes."""
        caller_of(context).require_scope("admin")
        check(fault_of_channel(request.channel), fault_of_event(request.event))
        event = _broadcast(request.channel, request.event, request.data)
        await self._bus.publish(f"{ROOM_SUBJECT}{request.channel}", event)
        return pb.BroadcastToChannelResponse()

    async def BroadcastToAll(self, request: pb.BroadcastToAllRequest, context: "Context") -> pb.BroadcastToAllResponse:
        """Send an event to every socket on all nodes."""
        caller_of(context).require_scope("admin")
        check(fault_of_event(request.event))
        event = _broadcast(EVERYBODY, request.event, request.data)
        await self._bus.publish(EVERYBODY_SUBJECT, event)
        return pb.BroadcastToAllResponse()

    async def ListNotifications(
        self, request: pb.ListNotificationsRequest, context: "Context"
    ) -> pb.ListNotificationsResponse:
        """What the caller was sent."""
        user_id = caller_of(context).require_user()
        check(fault_of_range("limit", request.limit, MAX_LIMIT))
        kept = await self._history.after(user_id, request.after, request.limit or DEFAULT_LIMIT)
        return pb.ListNotificationsResponse(notifications=[_notification(item.id, item.data) for item in kept])

    def _now(self) -> Timestamp:
        now = Timestamp()
        now.FromMilliseconds(round(self._clock.time() * 1000))
        return now


def _broadcast(channel: str, event: str, data: Struct) -> RoomEvent:
    """Encoded here, once, for the clients of all nodes."""
    return RoomEvent(channel=channel, packet=Packet(event, json_of(data)).encoded)


def _notification(sequence: int, data: bytes) -> pb.Notification:
    event = UserEvent.FromString(data)
    notification = pb.Notification(id=sequence, kind=event.event, created_at=event.created_at)
    notification.data.update(msgspec.json.decode(event.data_json or b"{}"))
    return notification
