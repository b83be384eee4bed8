"""What the engine has done, counted."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from opentelemetry.metrics import CallbackOptions, Observation

from services.kit import telemetry


class Event(StrEnum):
    """What is counted."""

    __hash__ = str.__hash__  # Enum's own is written in Python

    CONNECTIONS = "connections"  # HTTP/2 connections that began
    HTTP1_CONNECTIONS = "http1_connections"
    REQUESTS = "requests"
    HTTP1_REQUESTS = "http1_requests"
    WEBSOCKETS = "websockets"  # by extended CONNECT, RFC 8441
    DEFERRALS = "deferrals"  # turns of the event loop that left requests to the next
    EARLY_ANSWERS = "early_answers"  # before the request's body had ended; the rest of it was stopped
    CANCELLED = "cancelled"  # streams that the client reset
    RESETS_SENT = "resets_sent"  # streams that we reset with an error
    REFUSED_STREAMS = "refused_streams"  # above the limit
    REFUSED_REQUESTS = "refused_requests"  # answered by the engine: 400, 408, 414, 431, 501 or 505
    REFUSED_CONNECTIONS = "refused_connections"  # above a client's limit
    RESET_FLOODS = "reset_floods"  # connections ended for their streams' early ends
    FRAME_FLOODS = "frame_floods"  # connections ended for frames that ask for nothing
    HEADER_FLOODS = "header_floods"  # connections ended for header lists beyond what is decoded
    HEADER_TIMEOUTS = "header_timeouts"
    SLOW_BODIES = "slow_bodies"
    STALLED_ANSWERS = "stalled_answers"
    PROTOCOL_ERRORS = "protocol_errors"  # connections that ended with one
    APPLICATION_ERRORS = "application_errors"


Events = defaultdict[Event, int]  # which counts in half the time that a Counter takes


@dataclass(frozen=True)
class Statistics:
    """The engine at one moment."""

    open_connections: int
    open_streams: int
    events: Mapping[Event, int]


def export(read: Callable[[], Statistics]) -> None:
    """Offer the counts as the metric gateway.http2.events, with the event as its attribute, and what is open now."""

    def events(options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(count, {"event": event.value}) for event, count in read().events.items()]

    meter = telemetry.meter("gateway.http2")
    meter.create_observable_counter("gateway.http2.events", [events], description="What the HTTP engines have done")
    for name in ("open_connections", "open_streams"):
        _offer(name, read)


def _offer(name: str, read: Callable[[], Statistics]) -> None:
    def observe(options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(getattr(read(), name))]

    telemetry.meter("gateway.http2").create_observable_gauge(f"gateway.http2.{name}", [observe])
