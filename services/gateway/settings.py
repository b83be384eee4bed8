"""The gateway's settings."""

from dataclasses import dataclass

from services.gateway.balancing.addresses import parse_addresses
from services.gateway.transcoding.catalog import Rate, parse_rate
from services.kit.settings import CommonSettings, ProxySettings, SettingsError, UpstreamSettings, setting
from services.kit.tokens import TokenSettings


@dataclass(frozen=True, kw_only=True)
class Settings(TokenSettings, ProxySettings, UpstreamSettings, CommonSettings):
    """What the gateway is told."""

    host: str = setting("CV_GATEWAY_HOST", "Address to listen on", default="0.0.0.0")
    port: int = setting(
        "CV_GATEWAY_PORT", "Port for HTTP/1.1 and HTTP/2 without TLS", default=8001, minimum=1, maximum=65535
    )
    tls_port: int = setting(
        "CV_GATEWAY_TLS_PORT", "Port for HTTP/1.1 and HTTP/2 with TLS; 0: none", default=8443, minimum=0, maximum=65535
    )
    tls_cert: str | None = setting("CV_GATEWAY_TLS_CERT", "Certificate chain, PEM file", default=None)
    tls_key: str | None = setting("CV_GATEWAY_TLS_KEY", "Private key of the certificate, PEM file", default=None)
    tls_dir: str = setting(
        "CV_GATEWAY_TLS_DIR",
        "Folder for the certificate that the gateway makes for development when it is given none",
        default=".run/tls",
    )
    workers: int = setting(
        "CV_GATEWAY_WORKERS",
        "Processes that serve on the same ports, each a replica of its own; about one a core",
        default=1,
        minimum=1,
        maximum=256,
    )
    http2_engine: str = setting(
        "CV_GATEWAY_HTTP2_ENGINE",
        "What speaks HTTP/2: the gateway's engine on ngh2, or Hypercorn's own",
        default="ngh2",
        choices=("ngh2", "hypercorn"),
    )
    connections_per_client: int = setting(
        "CV_GATEWAY_CONNECTIONS_PER_CLIENT",
        "Connections that one address (a /64 of IPv6) may have open at a time, over both ports; 0: any number, for "
        "behind a proxy all clients are one address",
        default=0,
        minimum=0,
        maximum=1_000_000,
    )
    streams_per_connection: int = setting(
        "CV_GATEWAY_STREAMS_PER_CONNECTION",
        "Requests that may be open at a time on an HTTP/2 connection",
        default=250,
        minimum=1,
        maximum=10_000,
    )
    realtime_url: str = setting(
        "CV_REALTIME_URL", "Where /socket.io/ is forwarded to", default="http://127.0.0.1:8002", url=True
    )
    upstreams: tuple[str, ...] = setting(
        "CV_GATEWAY_UPSTREAMS",
        "gRPC addresses of further services, as area=host:port; several of one area are its replicas",
        default=(),
    )
    descriptors: str | None = setting(
        "CV_GATEWAY_DESCRIPTORS", "Descriptor set of the protos; the one beside the stubs when unset", default=None
    )
    static_dir: str = setting("CV_GATEWAY_STATIC_DIR", "The dashboard's build", default="frontend/dist")
    rate_limit_factor: float = setting(
        "CV_GATEWAY_RATE_LIMIT_FACTOR", "Multiplies every rate limit", default=1.0, minimum=0.001, maximum=1e6
    )
    rate_limit_shadow: bool = setting(
        "CV_GATEWAY_RATE_LIMIT_SHADOW", "Count what the rate limits would refuse, but let it pass", default=False
    )
    tiers: tuple[str, ...] = setting(
        "CV_GATEWAY_TIERS",
        "Budgets that API keys draw on, as name=rate; one budget for all routes, counted in each operation's cost",
        default=("free=300/minute", "pro=3000/minute"),
    )
    cors_origins: tuple[str, ...] = setting(
        "CV_GATEWAY_CORS_ORIGINS", "Origins that may call the API from a browser, or *; none when unset", default=()
    )
    cache_entries: int = setting(
        "CV_GATEWAY_CACHE_ENTRIES", "Answers kept ready to send", default=2000, minimum=1, maximum=1_000_000
    )
    cache_stale_share: float = setting(
        "CV_GATEWAY_CACHE_STALE_SHARE",
        "How long an answer may be sent beyond its time to live while the next is fetched, as a multiple of that time",
        default=1.0,
        minimum=0.0,
        maximum=100.0,
    )
    traces_per_second: int = setting(
        "CV_GATEWAY_TRACES_PER_SECOND",
        "Most traces begun in a second and process, of those that OTEL_TRACES_SAMPLER takes; 0: any number",
        default=20,
        minimum=0,
        maximum=1_000_000,
    )
    hedge_share: float = setting(
        "CV_GATEWAY_HEDGE_SHARE",
        "Share of the reads that may be asked a second time when they take unusually long; 0: none",
        default=0.05,
        minimum=0.0,
        maximum=0.5,
    )

    def __post_init__(self) -> None:
        """Raises SettingsError for what is wrong between settings."""
        problems = [
            f"CV_GATEWAY_UPSTREAMS holds {entry!r}, which is not area=host:port"
            for entry in self.upstreams
            if not entry.partition("=")[0] or _address_problem(entry.partition("=")[2])
        ]
        problems += [
            f"CV_{area.upper()}_ADDRESS is wrong: {problem}"
            for area, address in self._own_addresses.items()
            if (problem := _address_problem(address))
        ]
        problems += [problem for entry in self.tiers if (problem := _tier_problem(entry))]
        if (self.tls_cert is None) != (self.tls_key is None):
            problems.append("CV_GATEWAY_TLS_CERT and CV_GATEWAY_TLS_KEY go together; only one of them is set")
        if self.connections_per_client and self.http2_engine != "ngh2":
            problems.append("CV_GATEWAY_CONNECTIONS_PER_CLIENT needs CV_GATEWAY_HTTP2_ENGINE=ngh2")
        if problems:
            raise SettingsError(problems)

    @property
    def addresses(self) -> dict[str, str]:
        """The gRPC address of every service, by area."""
        further: dict[str, list[str]] = {}
        for area, _, address in (entry.partition("=") for entry in self.upstreams):
            further.setdefault(area, []).append(address)
        return self._own_addresses | {area: ",".join(replicas) for area, replicas in further.items()}

    @property
    def _own_addresses(self) -> dict[str, str]:
        return {
            "auth": self.auth_address,
            "prices": self.prices_address,
            "realtime": self.realtime_address,
            "cache": self.cache_address,
        }

    @property
    def budgets(self) -> dict[str, Rate]:
        """The rate of every tier."""
        return {name: parse_rate(rate) for name, _, rate in (entry.partition("=") for entry in self.tiers)}


def _address_problem(text: str) -> str:
    try:
        parse_addresses(text)
    except ValueError as error:
        return str(error)
    return ""


def _tier_problem(entry: str) -> str:
    name, _, rate = entry.partition("=")
    try:
        parse_rate(rate)
    except ValueError:
        name = ""
    return "" if name else f"CV_GATEWAY_TIERS holds {entry!r}, which is not name=rate, such as pro=3000/minute"
