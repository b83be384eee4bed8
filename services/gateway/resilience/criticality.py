"""Who is turned away first when not all can be served: the public, then users, and last of all those who sign in.

Health checks belong to no class: they are never turned away.
"""

from enum import Enum

from cryptovault.gateway.v1.policy_pb2 import Policy as Declared

from services.gateway.transcoding.catalog import Policy
from services.kit.errors import Unavailable


class Criticality(Enum):
    """A class: the share of an upstream's calls that it may fill, and the lag of the event loop that it bears."""

    PUBLIC = (0.8, 0.15)
    USER = (0.9, 0.4)
    AUTH = (1.0, 1.0)

    def __init__(self, share: float, lag: float) -> None:
        self.share = share
        self.lag = lag  # seconds; from here on some are turned away, from twice as much on all


class Overloaded(Unavailable):
    """There is more work than can be done in time, and this request is not the most important."""

    title, slug = "Temporarily reduced capacity", "temporary-reduced-capacity"


def criticality_of(area: str, policy: Policy) -> Criticality:
    """The class of an operation."""
    if area == "auth":
        return Criticality.AUTH
    return Criticality.PUBLIC if policy.access == Declared.PUBLIC else Criticality.USER
