"""The calls about the sockets of all nodes: statistics, presence, and what is done to sockets."""

from typing import TYPE_CHECKING, Any

from cryptovault.realtime.v1 import realtime_service_pb2 as pb
from cryptovault.realtime.v1 import realtime_service_pb2_grpc
from cryptovault.realtime.v1.cluster_pb2 import NodeQuestion

from services.kit.caller import caller_of
from services.realtime.handlers.checks import (
    check,
    fault_of_channels,
    fault_of_event,
    fault_of_filter,
    fault_of_range,
    json_of,
)
from services.realtime.handlers.cluster import Answers, Cluster
from services.realtime.handlers.stats import total

if TYPE_CHECKING:
    import grpc

    Context = grpc.aio.ServicerContext[Any, Any]

DEFAULT_SOCKETS = 100
MAX_SOCKETS = 1000
MAX_USERS = 1000  # in one request
DEFAULT_DEADLINE = 2000  # milliseconds
MAX_DEADLINE = 10_000  # milliseconds
MARGIN = 0.5  # seconds that an answer may be on its way after the deadline


class SocketHandlers(realtime_service_pb2_grpc.RealtimeServiceServicer):
    """Translates calls into questions to all nodes."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def GetStats(self, request: pb.GetStatsRequest, context: "Context") -> pb.GetStatsResponse:
        """Statistics of all nodes."""
        answers = await self._cluster.ask(NodeQuestion(action=NodeQuestion.ACTION_FIGURES))
        nodes = sorted((answer.figures for answer in answers.given), key=lambda figures: figures.node)
        return pb.GetStatsResponse(total=total(nodes), nodes=nodes, missing_nodes=answers.missing)

    async def GetPresence(self, request: pb.GetPresenceRequest, context: "Context") -> pb.GetPresenceResponse:
        """Who is online."""
        caller_of(context).require_scope("admin")
        check(fault_of_range("user_ids", len(request.user_ids), MAX_USERS))
        question = NodeQuestion(action=NodeQuestion.ACTION_PRESENCE, user_ids=request.user_ids)
        answers = await self._cluster.ask(question)
        return pb.GetPresenceResponse(
            users=_presences(answers),
            nodes=[pb.NodePresence(node=answer.node, connections=answer.matched) for answer in answers.given],
            missing_nodes=answers.missing,
            truncated=any(answer.truncated for answer in answers.given),
        )

    async def ListSockets(self, request: pb.ListSocketsRequest, context: "Context") -> pb.ListSocketsResponse:
        """The sockets of all nodes."""
        caller_of(context).require_scope("admin")
        check(fault_of_range("limit", request.limit, MAX_SOCKETS))
        limit = request.limit or DEFAULT_SOCKETS
        question = NodeQuestion(action=NodeQuestion.ACTION_FETCH, sockets=request.sockets, limit=limit)
        answers = await self._cluster.ask(question)
        found = [socket for answer in answers.given for socket in answer.sockets]
        return pb.ListSocketsResponse(sockets=found[:limit], total=_matched(answers), missing_nodes=answers.missing)

    async def JoinSockets(self, request: pb.JoinSocketsRequest, context: "Context") -> pb.JoinSocketsResponse:
        """Subscribe sockets."""
        question = NodeQuestion(action=NodeQuestion.ACTION_JOIN, sockets=request.sockets, channels=request.channels)
        answers = await self._change(question, context)
        return pb.JoinSocketsResponse(matched=_matched(answers), missing_nodes=answers.missing)

    async def LeaveSockets(self, request: pb.LeaveSocketsRequest, context: "Context") -> pb.LeaveSocketsResponse:
        """End subscriptions."""
        question = NodeQuestion(action=NodeQuestion.ACTION_LEAVE, sockets=request.sockets, channels=request.channels)
        answers = await self._change(question, context)
        return pb.LeaveSocketsResponse(matched=_matched(answers), missing_nodes=answers.missing)

    async def DisconnectSockets(
        self, request: pb.DisconnectSocketsRequest, context: "Context"
    ) -> pb.DisconnectSocketsResponse:
        """End connections."""
        caller_of(context).require_scope("admin")
        check(fault_of_filter(request.sockets))
        question = NodeQuestion(action=NodeQuestion.ACTION_DISCONNECT, sockets=request.sockets)
        answers = await self._cluster.ask(question)
        return pb.DisconnectSocketsResponse(matched=_matched(answers), missing_nodes=answers.missing)

    async def EmitWithAck(self, request: pb.EmitWithAckRequest, context: "Context") -> pb.EmitWithAckResponse:
        """Send an event and collect what clients acknowledge it with."""
        caller_of(context).require_scope("admin")
        check(
            fault_of_filter(request.sockets),
            fault_of_event(request.event),
            fault_of_range("deadline_ms", request.deadline_ms, MAX_DEADLINE),
        )
        deadline_ms = request.deadline_ms or DEFAULT_DEADLINE
        question = NodeQuestion(
            action=NodeQuestion.ACTION_EMIT,
            sockets=request.sockets,
            event=request.event,
            data_json=json_of(request.data),
            deadline_ms=deadline_ms,
        )
        answers = await self._cluster.ask(question, deadline_ms / 1000 + MARGIN)
        return pb.EmitWithAckResponse(
            acknowledgements=[one for answer in answers.given for one in answer.acknowledgements],
            matched=_matched(answers),
            missing_nodes=answers.missing,
        )

    async def _change(self, question: NodeQuestion, context: "Context") -> Answers:
        caller_of(context).require_scope("admin")
        check(fault_of_filter(question.sockets), fault_of_channels(question.channels))
        return await self._cluster.ask(question)


def _matched(answers: Answers) -> int:
    return sum(answer.matched for answer in answers.given)


def _presences(answers: Answers) -> list[pb.UserPresence]:
    users: dict[str, pb.UserPresence] = {}
    for answer in answers.given:
        for user_id, count in answer.users.items():
            users.setdefault(user_id, pb.UserPresence(user_id=user_id)).nodes[answer.node] = count
    return [users[user_id] for user_id in sorted(users)]
