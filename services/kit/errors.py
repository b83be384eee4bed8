"""The one tree of errors, and its two wire forms: gRPC status with details, and problem+json (RFC 9457).

CryptoVaultError
├── InvalidInput        400  INVALID_ARGUMENT     names the fields that are wrong
├── Unauthenticated     401  UNAUTHENTICATED
├── PermissionDenied    403  PERMISSION_DENIED
├── NotFound            404  NOT_FOUND
├── AlreadyExists       409  ALREADY_EXISTS
├── PayloadTooLarge     413  OUT_OF_RANGE
├── TooManyRequests     429  RESOURCE_EXHAUSTED   says when to come back
├── Internal            500  INTERNAL
├── Unavailable         503  UNAVAILABLE          may say when to come back
└── DeadlineExceeded    504  DEADLINE_EXCEEDED
"""

import logging
from dataclasses import dataclass
from typing import Any, ClassVar

import grpc
import msgspec
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

logger = logging.getLogger(__name__)

DETAILS_KEY = "grpc-status-details-bin"  # where gRPC carries google.rpc.Status
DOMAIN = "cryptovault"


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field of a request."""

    field: str
    message: str


class CryptoVaultError(Exception):
    """The root. `detail` is shown to clients, so it holds no secret; `reason` is a short stable word for programs."""

    status: ClassVar[int] = 500
    grpc_code: ClassVar[grpc.StatusCode] = grpc.StatusCode.INTERNAL
    title: ClassVar[str] = "Internal error"
    slug: ClassVar[str] = "internal"

    def __init__(
        self,
        detail: str = "",
        *,
        fields: tuple[FieldError, ...] = (),
        reason: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.fields = fields
        self.reason = reason
        self.retry_after = retry_after

    def to_grpc(self) -> bytes:
        """The error as a serialised google.rpc.Status, for the trailing metadata of a gRPC answer."""
        status = status_pb2.Status(code=self.grpc_code.value[0], message=self.detail)
        if self.fields:
            violations = [
                error_details_pb2.BadRequest.FieldViolation(field=item.field, description=item.message)
                for item in self.fields
            ]
            status.details.add().Pack(error_details_pb2.BadRequest(field_violations=violations))
        if self.reason:
            status.details.add().Pack(error_details_pb2.ErrorInfo(reason=self.reason, domain=DOMAIN))
        if self.retry_after is not None:
            delay = Duration()
            delay.FromMilliseconds(round(self.retry_after * 1000))
            status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
        return bytes(status.SerializeToString())


class InvalidInput(CryptoVaultError):
    """The request is malformed or breaks a rule; `fields` names what is wrong."""

    status, grpc_code, title, slug = 400, grpc.StatusCode.INVALID_ARGUMENT, "Invalid input", "invalid-input"


class Unauthenticated(CryptoVaultError):
    """The caller has not shown who they are."""

    status, grpc_code, title, slug = 401, grpc.StatusCode.UNAUTHENTICATED, "Not signed in", "unauthenticated"


class PermissionDenied(CryptoVaultError):
    """The caller is known and may not."""

    status, grpc_code, title, slug = 403, grpc.StatusCode.PERMISSION_DENIED, "Not allowed", "permission-denied"


class NotFound(CryptoVaultError):
    """There is no such thing."""

    status, grpc_code, title, slug = 404, grpc.StatusCode.NOT_FOUND, "Not found", "not-found"


class AlreadyExists(CryptoVaultError):
    """There is one already."""

    status, grpc_code, title, slug = 409, grpc.StatusCode.ALREADY_EXISTS, "Already exists", "already-exists"


class PayloadTooLarge(CryptoVaultError):
    """The request body is larger than the route allows."""

    status, grpc_code, title, slug = 413, grpc.StatusCode.OUT_OF_RANGE, "Payload too large", "payload-too-large"


class TooManyRequests(CryptoVaultError):
    """A quota is used up; `retry_after` says in seconds when to come back."""

    status, grpc_code, title, slug = 429, grpc.StatusCode.RESOURCE_EXHAUSTED, "Too many requests", "quota-exceeded"


class Internal(CryptoVaultError):
    """A fault of ours."""


class Unavailable(CryptoVaultError):
    """A part that is needed is away; trying again later may help."""

    status, grpc_code, title, slug = 503, grpc.StatusCode.UNAVAILABLE, "Temporarily unavailable", "unavailable"


class DeadlineExceeded(CryptoVaultError):
    """The answer did not come in time."""

    status, grpc_code, title, slug = 504, grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline exceeded", "deadline-exceeded"


_BY_CODE: dict[grpc.StatusCode, type[CryptoVaultError]] = {
    kind.grpc_code: kind
    for kind in (
        InvalidInput,
        Unauthenticated,
        PermissionDenied,
        NotFound,
        AlreadyExists,
        PayloadTooLarge,
        TooManyRequests,
        Unavailable,
        DeadlineExceeded,
    )
}
_BY_CODE[grpc.StatusCode.FAILED_PRECONDITION] = InvalidInput


def from_grpc(error: grpc.aio.AioRpcError) -> CryptoVaultError:
    """The error that the other side raised. What a code of ours did not raise becomes Internal, without its text."""
    kind = _BY_CODE.get(error.code())
    if kind is None:
        return Internal()
    if kind is TooManyRequests and not is_told(error):  # a message is too large; the client has asked for nothing wrong
        logger.warning("gRPC itself has refused a call: %s", error.details())
        return Internal()
    if kind in (Unavailable, DeadlineExceeded):  # the transport's texts name addresses: not for clients
        return _with_details(kind, error, detail="")
    return _with_details(kind, error, detail=error.details() or "")


def is_told(error: grpc.aio.AioRpcError) -> bool:
    """Whether a service of ours says so, and not gRPC itself."""
    return any(key == DETAILS_KEY for key, _ in error.trailing_metadata() or ())


def _with_details(kind: type[CryptoVaultError], error: grpc.aio.AioRpcError, detail: str) -> CryptoVaultError:
    fields: tuple[FieldError, ...] = ()
    reason, retry_after = "", None
    status = _status_of(error)
    for packed in status.details:
        bad_request, info, retry = (
            error_details_pb2.BadRequest(),
            error_details_pb2.ErrorInfo(),
            error_details_pb2.RetryInfo(),
        )
        if packed.Unpack(bad_request):
            fields = tuple(FieldError(item.field, item.description) for item in bad_request.field_violations)
        elif packed.Unpack(info):
            reason = info.reason
        elif packed.Unpack(retry):
            retry_after = retry.retry_delay.ToMilliseconds() / 1000
    return kind(detail or status.message, fields=fields, reason=reason, retry_after=retry_after)


def _status_of(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    status = status_pb2.Status()
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            try:
                status.ParseFromString(value)
            except DecodeError:
                return status_pb2.Status()
    return status


QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"


def problem(error: CryptoVaultError, *, instance: str = "", trace_id: str = "") -> bytes:
    """The error as an application/problem+json body (RFC 9457)."""
    kind = QUOTA_EXCEEDED if error.status == 429 else f"urn:cryptovault:problem:{error.slug}"
    body: dict[str, Any] = {
        "type": kind,
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": instance,
        "trace_id": trace_id,
        "errors": [{"field": item.field, "message": item.message} for item in error.fields],
    }
    return msgspec.json.encode(body)


def forget_way(error: BaseException | None) -> None:
    """Let go of the frames that an error has passed. They hold tasks, which hold the error: a cycle for each failure.

    The garbage collector looks for those that have grown old once a minute at most (kit.memory).
    """
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__
