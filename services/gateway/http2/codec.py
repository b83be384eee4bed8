"""libnghttp2, by way of ngh2: the only module that knows it.

It frames, compresses header fields (HPACK), keeps flow control and stream states, schedules answers by RFC 9218 and
refuses what RFC 9113 calls malformed: names in upper case, connection headers, pseudo-headers that are missing, double,
unknown or late, a `te` other than trailers, a content-length that differs from the data, illegal bytes.
"""

from ngh2 import (
    Configuration,
    Connection,
    ConnectionClosed,
    DataReceived,
    DenialOfServiceError,
    ErrorCode,
    NGH2Error,
    PingAcknowledged,
    RequestReceived,
    Role,
    Setting,
    SettingsReceived,
    StreamClosed,
    StreamReset,
    TrailersReceived,
    pack_settings_payload,
)

from services.gateway.http2.limits import Limits

__all__ = [
    "Connection",
    "ConnectionClosed",
    "DataReceived",
    "DenialOfServiceError",
    "ErrorCode",
    "NGH2Error",
    "PingAcknowledged",
    "RequestReceived",
    "SettingsReceived",
    "StreamClosed",
    "StreamReset",
    "TrailersReceived",
    "goaway",
    "open_connection",
]

GOAWAY_FRAME = b"\x00\x00\x08\x07\x00\x00\x00\x00\x00"  # length, type, flags, stream
OVERFLOW = 1024  # streams above the limit that may arrive at once and are refused one by one
BACKSTOP = 10  # libnghttp2's own flood limits stand this much behind ours, which count and say what they did


def open_connection(limits: Limits) -> tuple[Connection, bytes]:
    """A server's connection, and the first bytes to send."""
    connection = Connection(Role.SERVER, _configuration(limits))
    connection.initiate_connection(
        {
            Setting.MAX_CONCURRENT_STREAMS: limits.streams + OVERFLOW,
            Setting.INITIAL_WINDOW_SIZE: limits.stream_window,
            Setting.MAX_HEADER_LIST_SIZE: limits.header_bytes,
            Setting.ENABLE_CONNECT_PROTOCOL: 1,
            Setting.NO_RFC7540_PRIORITIES: 1,
        }
    )
    connection.set_local_window_size(limits.connection_window)
    # libnghttp2 ends the connection at the limit that it knows of, and all its streams with it. So it knows of a higher
    # one than the client, and the streams in between are refused alone.
    known = pack_settings_payload({Setting.MAX_CONCURRENT_STREAMS: limits.streams + OVERFLOW})
    told = pack_settings_payload({Setting.MAX_CONCURRENT_STREAMS: limits.streams})
    return connection, connection.data_to_send().replace(known, told, 1)


def goaway(last_stream: int, code: ErrorCode) -> bytes:
    """A GOAWAY frame for a connection whose state libnghttp2 has given up."""
    return GOAWAY_FRAME + last_stream.to_bytes(4, "big") + int(code).to_bytes(4, "big")


def _configuration(limits: Limits) -> Configuration:
    burst, rate = limits.resets
    return Configuration(
        auto_window_update=False,
        max_continuations=limits.continuations,
        stream_reset_rate_limit=(burst * BACKSTOP, rate * BACKSTOP),
        # Twice what is answered with 431: so much is decoded, to keep the compression's state, and no more.
        max_inbound_header_list_size=2 * limits.header_bytes,
        max_inbound_header_count=10 * limits.header_fields,
    )
