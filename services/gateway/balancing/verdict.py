"""What the end of a call says of the replica that it went to."""

from enum import Enum

import grpc

from services.kit.errors import is_told

Code = grpc.StatusCode


class Verdict(Enum):
    """From nothing at all to the worst."""

    NONE = "none"  # the caller has given up
    WELL = "well"  # it answered, if only that there is no such thing
    FAULT = "fault"  # it answered that it cannot: bad, if the others can
    AWAY = "away"  # it did not answer


def verdict_of(error: grpc.aio.AioRpcError) -> Verdict:
    """What a failure says. An error with details was given by the service itself, which is alive then."""
    code = error.code()
    if code in (Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED) and not is_told(error):
        return Verdict.AWAY
    return Verdict.FAULT if code in (Code.UNAVAILABLE, Code.INTERNAL, Code.UNKNOWN) else Verdict.WELL
