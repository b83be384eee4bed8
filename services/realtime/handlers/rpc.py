"""The gRPC service: broadcasts, a user's notifications, statistics."""

import re
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

import msgspec
from cryptovault.events.v1.events_pb2 import RoomEvent, UserEvent
from cryptovault.realtime.v1 import realtime_service_pb2 as pb
from cryptovault.realtime.v1 import realtime_service_pb2_grpc
from google.protobuf import json_format
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from services.kit.caller import caller_of
from services.kit.clock import Clock
from services.kit.errors import FieldError, InvalidInput
from services.realtime.domain.channels import InvalidChannel, parse
from services.realtime.domain.packets import Packet, fault_of_event_name
from services.realtime.handlers.history import History
from services.realtime.handlers.stats import Cluster
from services.realtime.handlers.subjects import EVERYBODY, EVERYBODY_SUBJECT, ROOM_SUBJECT

if TYPE_CHECKING:
    import grpc

    Context = grpc.aio.ServicerContext[Any, Any]

MAX_DATA_BYTES = 64 * 1024
DEFAULT_LIMIT = 100
MAX_LIMIT = 200

_USER_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Publishing(Protocol):
    """What is needed of the bus."""

    async def publish(self, subject: str, payload: Message) -> None:
        """Send to whoever listens now."""
        ...

    async def publish_durable(self, subject: str, payload: Message, *, message_id: str) -> int:
        """Store, and return the sequence."""
        ...


class RealtimeHandlers(realtime_service_pb2_grpc.RealtimeServiceServicer):
    """Translates calls."""

    def __init__(self, bus: Publishing, history: History, cluster: Cluster, clock: Clock) -> None:
        self._bus = bus
        self._history = history
        self._cluster = cluster
        self._clock = clock

    async def BroadcastToUser(
        self, request: pb.BroadcastToUserRequest, context: "Context"
    ) -> pb.BroadcastToUserResponse:
        """Keep an event for a user; every node delivers it to the user's sockets."""
        caller_of(context).require_scope("admin")
        _check(_fault_of_user_id(request.user_id), _fault_of_event(request.event))
        event = UserEvent(
            user_id=request.user_id,
            event=request.event,
            data_json=_json_of(request.data),
            created_at=self._now(),
        )
        sequence = await self._bus.publish_durable(f"cv.user.{request.user_id}", event, message_id=str(uuid4()))
        return pb.BroadcastToUserResponse(id=sequence)

    async def BroadcastToChannel(
        self, request: pb.BroadcastToChannelRequest, context: "Context"
    ) -> pb.BroadcastToChannelResponse:
        """Send an event to a channel's subscribers on all nodes."""
        caller_of(context).require_scope("admin")
        _check(_fault_of_channel(request.channel), _fault_of_event(request.event))
        event = _broadcast(request.channel, request.event, request.data)
        await self._bus.publish(f"{ROOM_SUBJECT}{request.channel}", event)
        return pb.BroadcastToChannelResponse()

    async def BroadcastToAll(self, request: pb.BroadcastToAllRequest, context: "Context") -> pb.BroadcastToAllResponse:
        """Send an event to every socket on all nodes."""
        caller_of(context).require_scope("admin")
        _check(_fault_of_event(request.event))
        event = _broadcast(EVERYBODY, request.event, request.data)
        await self._bus.publish(EVERYBODY_SUBJECT, event)
        return pb.BroadcastToAllResponse()

    async def ListNotifications(
        self, request: pb.ListNotificationsRequest, context: "Context"
    ) -> pb.ListNotificationsResponse:
        """What the caller was sent."""
        user_id = caller_of(context).require_user()
        _check(_fault_of_limit(request.limit))
        kept = await self._history.after(user_id, request.after, request.limit or DEFAULT_LIMIT)
        return pb.ListNotificationsResponse(notifications=[_notification(item.id, item.data) for item in kept])

    async def GetStats(self, request: pb.GetStatsRequest, context: "Context") -> pb.GetStatsResponse:
        """Statistics of all nodes."""
        nodes = self._cluster.nodes()
        return pb.GetStatsResponse(total=self._cluster.total(nodes), nodes=nodes)

    def _now(self) -> Timestamp:
        now = Timestamp()
        now.FromMilliseconds(round(self._clock.time() * 1000))
        return now


def _check(*faults: FieldError | None) -> None:
    found = tuple(fault for fault in faults if fault is not None)
    if found:
        raise InvalidInput("the request is not valid", fields=found)


def _fault_of_user_id(user_id: str) -> FieldError | None:
    return None if _USER_ID.fullmatch(user_id) else FieldError("user_id", "is not a user's id")


def _fault_of_event(event: str) -> FieldError | None:
    fault = fault_of_event_name(event)
    return FieldError("event", fault) if fault else None


def _fault_of_channel(channel: str) -> FieldError | None:
    try:
        parse(channel)
    except InvalidChannel as error:
        return FieldError("channel", str(error))
    return None


def _fault_of_limit(limit: int) -> FieldError | None:
    return None if 0 <= limit <= MAX_LIMIT else FieldError("limit", f"is between 1 and {MAX_LIMIT}")


def _broadcast(channel: str, event: str, data: Struct) -> RoomEvent:
    """Encoded here, once, for the clients of all nodes."""
    return RoomEvent(channel=channel, packet=Packet(event, _json_of(data)).encoded)


def _json_of(data: Struct) -> bytes:
    try:
        encoded = msgspec.json.encode(json_format.MessageToDict(data))
    except json_format.Error:
        raise InvalidInput("the request is not valid", fields=(FieldError("data", "holds no valid JSON"),)) from None
    if len(encoded) > MAX_DATA_BYTES:
        _check(FieldError("data", f"has at most {MAX_DATA_BYTES} bytes as JSON"))
    return encoded


def _notification(sequence: int, data: bytes) -> pb.Notification:
    event = UserEvent.FromString(data)
    notification = pb.Notification(id=sequence, kind=event.event, created_at=event.created_at)
    notification.data.update(msgspec.json.decode(event.data_json or b"{}"))
    return notification
