"""Every limit of the HTTP/2 engine, with its unit and where its default comes from."""

from dataclasses import dataclass

KIBIBYTE = 1024
MEBIBYTE = 1024 * KIBIBYTE


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one client may use up. Seconds, bytes or counts; 0 turns off the limits that say so."""

    # Streams and connections
    streams: int = 250  # open at the same time on a connection; more are refused with REFUSED_STREAM
    connections_per_client: int = 0  # open at the same time from an address or a /64 of IPv6, on all ports; 0: no limit
    dispatched: int = 256  # requests begun in a turn of the event loop, one of each connection after the other

    # Flow control (RFC 9113 section 5.2): what a client may send before the application has read it
    stream_window: int = MEBIBYTE
    connection_window: int = 8 * MEBIBYTE
    write_queue: int = 64 * KIBIBYTE  # of an answer, before the application waits

    # Header lists, after cookies are joined; beyond them 431. At twice the size, the connection ends.
    header_fields: int = 100
    header_bytes: int = 60 * KIBIBYTE  # as RFC 9113 section 6.5.2 counts: names, values and 32 for each field
    continuations: int = 8  # CONTINUATION frames of one header block

    # Floods: buckets of (burst, refill a second); an empty one ends the connection with ENHANCE_YOUR_CALM.
    resets: tuple[int, int] = (1000, 33)  # streams that end early, whoever ends them (CVE-2023-44487, CVE-2025-8671)
    control_frames: tuple[int, int] = (2000, 200)  # frames that ask for nothing; requests and answers earn more
    # Patience, in seconds; 0: for ever
    header_timeout: float = 10.0  # for the connection's first frame, and for a header block that has begun
    idle_timeout: float = 75.0  # without a stream; longer than the load balancers in front, so that they close first
    body_timeout: float = 15.0  # in which a client owes us `minimum_rate` of a request body
    stall_timeout: float = 30.0  # in which a client takes `minimum_rate` of an answer
    minimum_rate: int = 240  # bytes a second, averaged over the timeout
    # At the end, for what is in flight, before the client is told: some take GOAWAY for a failure (httpx among them).
    goaway_delay: float = 2.0
    tick: float = 1.0  # how often the time is looked at; every time-out may come late by so much
