"""The settings of realtime."""

from dataclasses import dataclass

from services.kit.settings import CommonSettings, ProxySettings, UpstreamSettings, setting
from services.kit.tokens import TokenSettings


@dataclass(frozen=True, kw_only=True)
class Settings(CommonSettings, UpstreamSettings, ProxySettings, TokenSettings):
    """What realtime is told."""

    host: str = setting("CV_REALTIME_HOST", "Address that the Socket.IO and HTTP port listens on", default="0.0.0.0")
    port: int = setting("CV_REALTIME_PORT", "Socket.IO and HTTP port", default=8002, minimum=1, maximum=65535)
    grpc_port: int = setting("CV_REALTIME_GRPC_PORT", "gRPC port", default=50053, minimum=1, maximum=65535)
    allowed_origins: tuple[str, ...] = setting(
        "CV_REALTIME_ALLOWED_ORIGINS",
        "Origins whose pages may connect, such as https://app.example.com; * is any",
        default=("*",),
    )
    connections_per_ip: int = setting(
        "CV_REALTIME_CONNECTIONS_PER_IP",
        "Most open connections of one address, of IPv6 of one /64; 0 is any number",
        default=0,
        minimum=0,
    )
    connections_per_user: int = setting(
        "CV_REALTIME_CONNECTIONS_PER_USER",
        "Most open connections of one user to one node; 0 is any number",
        default=0,
        minimum=0,
    )
    max_subscriptions: int = setting(
        "CV_REALTIME_MAX_SUBSCRIPTIONS", "Most channels of one socket", default=200, minimum=1
    )
    max_payload_bytes: int = setting(
        "CV_REALTIME_MAX_PAYLOAD_BYTES", "Largest message a client may send", default=100_000, minimum=1000
    )
    max_buffer_bytes: int = setting(
        "CV_REALTIME_MAX_BUFFER_BYTES",
        "Unsent bytes at which a client that reads too slowly is cut off",
        default=1 << 20,
        minimum=1 << 16,
    )
    messages_per_second: float = setting(
        "CV_REALTIME_MESSAGES_PER_SECOND",
        "Messages that a client may send per second; three seconds' worth may come at once",
        default=50.0,
        minimum=1,
    )
    handshakes_per_second: float = setting(
        "CV_REALTIME_HANDSHAKES_PER_SECOND",
        "New connections served per second; when more come at once they wait their turn, a few seconds at most",
        default=2000.0,
        minimum=1,
    )
    ping_interval_seconds: float = setting(
        "CV_REALTIME_PING_INTERVAL_SECONDS", "Pause between two pings of a client", default=25.0, minimum=1
    )
    ping_timeout_seconds: float = setting(
        "CV_REALTIME_PING_TIMEOUT_SECONDS", "Wait for a client's pong", default=20.0, minimum=1
    )
    prices_hz: float = setting(
        "CV_REALTIME_PRICES_HZ", "Most updates per second on the channel prices", default=5.0, minimum=0.1, maximum=100
    )
    symbol_hz: float = setting(
        "CV_REALTIME_SYMBOL_HZ", "Most updates per second on prices:<SYMBOL>", default=20.0, minimum=0.1, maximum=100
    )
    candles_hz: float = setting(
        "CV_REALTIME_CANDLES_HZ", "Most updates per second on a candle channel", default=5.0, minimum=0.1, maximum=100
    )
    drain_spread_seconds: float = setting(
        "CV_REALTIME_DRAIN_SPREAD_SECONDS",
        "Time over which clients are sent away when stopping, so that they do not return all at once",
        default=3.0,
        minimum=0,
    )
