"""The servers that are measured side by side: how each is started, and what it does for an answer."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.gateway_parts.peers import FOLDER as PEERS

APPS = "bench.gateway_parts.apps"
PATH = "/api/prices"
ENGINES = ("ngh2", "hypercorn")  # of CV_GATEWAY_HTTP2_ENGINE; the default first
STARLETTE = "GZipMiddleware; prepared bytes"
RATE_LIMIT_FACTOR = "1000000"  # every request is counted, none is refused


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Where everything listens, all on 127.0.0.1."""

    upstream: int
    collector: int
    valkey: int
    nats: int
    server: int
    server_http2: int  # of servers that need a port for each protocol

    @property
    def second(self) -> "Ports":
        """For one server more at the same time, which is no nginx."""
        return replace(self, server=self.server_http2)

    @property
    def first(self) -> int:
        """Where they begin."""
        return self.upstream

    @classmethod
    def beginning(cls, first: int) -> "Ports":
        """Six ports in a row."""
        names = ("upstream", "collector", "valkey", "nats", "server", "server_http2")
        return cls(**{name: first + number for number, name in enumerate(names)})


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One server."""

    name: str
    does: str  # for each answer
    command: Sequence[str]
    http1: int  # its port
    http2: int | None  # its port for HTTP/2 without TLS
    env: Mapping[str, str] = field(default_factory=dict)
    path: str = PATH
    headers: Mapping[str, str] = field(default_factory=dict)  # of requests to this one, beside everybody's
    signed_in: bool = False  # its answers say whose quota they count against


def gateways(ports: Ports, engines: Sequence[str]) -> list[Subject]:
    """The gateway, whole, with each of its engines."""
    command = [sys.executable, "-m", "services.gateway"]
    does = "JWT, rate limit, response cache, br/gzip, headers, metrics, tracing (1 in 100, 20 a second at most)"
    return [
        Subject(
            name=f"CryptoVault gateway ({engine})",
            does=does,
            command=command,
            http1=ports.server,
            http2=ports.server,
            env={**_gateway_env(ports), "CV_GATEWAY_HTTP2_ENGINE": engine},
            signed_in=True,
        )
        for engine in engines
    ]


def without_repeats(gateway: Subject) -> Subject:
    """The same gateway, asked in such a way that each request passes all policies anew."""
    own_id = {"x-request-id": "bench"}  # one that the client chooses: then nothing is remembered of the question
    return replace(gateway, name=f"{gateway.name}, nothing repeated", does="the same, all anew", headers=own_id)


def bare_engines(ports: Ports, engines: Sequence[str]) -> list[Subject]:
    """The gateway's server with a handler that does nothing."""
    command = [sys.executable, "-m", "bench.gateway_parts.engine"]
    return [
        Subject(
            name=f"bare handler on the gateway's server ({engine})",
            does="nothing: prepared bytes",
            command=[*command, engine, str(ports.server)],
            http1=ports.server,
            http2=ports.server,
        )
        for engine in engines
    ]


def python_peers(ports: Ports, folder: Path, redis_url: str) -> list[Subject]:
    """Servers and frameworks from PyPI, each on uvloop and with one worker."""
    return [
        _peer(ports, "Hypercorn + Starlette", STARLETTE, _hypercorn(ports, folder, f"{APPS}.plain_starlette:app")),
        _peer(ports, "granian + Starlette", STARLETTE, _granian(ports, f"{APPS}.plain_starlette:app")),
        _peer(ports, "granian, bare handler", "nothing: prepared bytes", _granian(ports, f"{APPS}.bare:app")),
        *_fastapi(ports, redis_url),
    ]


def nginx(ports: Ports, folder: Path) -> Subject:
    """nginx with a file."""
    (folder / "nginx.conf").write_text(_NGINX.format(http1=ports.server, http2=ports.server_http2, path=PATH))
    return Subject(
        name="nginx",
        does="gzip, limit_req; a file",
        command=["nginx", "-p", str(folder.resolve()), "-c", "nginx.conf", "-e", "stderr"],
        http1=ports.server,
        http2=ports.server_http2,
    )


def _peer(ports: Ports, name: str, does: str, command: Sequence[str]) -> Subject:
    return Subject(name=name, does=does, command=command, http1=ports.server, http2=ports.server)


def _fastapi(ports: Ports, redis_url: str) -> Iterator[Subject]:
    """The stack that people start with; and once more, spared the writing of JSON."""
    variants = {"": ("FastAPI + uvicorn", "JSON written from objects")}
    variants["/prepared"] = ("FastAPI + uvicorn, prepared bytes", "prepared bytes")
    for prefix, (name, body) in variants.items():
        yield Subject(
            name=name,
            does=f"GZipMiddleware, slowapi on Redis; {body}",
            command=_uvicorn(ports),
            http1=ports.server,
            http2=None,
            env={"BENCH_REDIS_URL": redis_url},
            path=prefix + PATH,
        )


def _gateway_env(ports: Ports) -> dict[str, str]:
    upstream = f"127.0.0.1:{ports.upstream}"
    services = {f"CV_{name}_ADDRESS": upstream for name in ("AUTH", "PRICES", "REALTIME", "CACHE")}
    return services | {
        "CV_REDIS_URL": f"redis://127.0.0.1:{ports.valkey}/0",
        "CV_NATS_URL": f"nats://127.0.0.1:{ports.nats}",
        "CV_GATEWAY_HOST": "127.0.0.1",
        "CV_GATEWAY_PORT": str(ports.server),
        "CV_GATEWAY_TLS_PORT": "0",
        "CV_GATEWAY_RATE_LIMIT_FACTOR": RATE_LIMIT_FACTOR,
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{ports.collector}",
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "0.01",
    }


def _hypercorn(ports: Ports, folder: Path, app: str) -> list[str]:
    config = folder / "hypercorn.toml"
    # As it comes, it ends a connection at its 1,001st request and loses what is in flight: nothing to measure.
    config.write_text(
        f'bind = "127.0.0.1:{ports.server}"\nworker_class = "uvloop"\nkeep_alive_max_requests = 1000000000\n'
    )
    return [str(PEERS / "bin" / "python"), "-m", "hypercorn", "-c", str(config), app]


def _granian(ports: Ports, app: str) -> list[str]:
    server = ["--interface", "asgi", "--loop", "uvloop", "--workers", "1", "--no-ws"]
    return [str(PEERS / "bin" / "granian"), *server, "--host", "127.0.0.1", "--port", str(ports.server), app]


def _uvicorn(ports: Ports) -> list[str]:
    server = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    where = ["--host", "127.0.0.1", "--port", str(ports.server)]
    return [str(PEERS / "bin" / "python"), "-m", "uvicorn", *server, *where, f"{APPS}.fastapi_stack:app"]


_NGINX = """\
daemon off;
master_process off;
pid nginx.pid;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path temp; proxy_temp_path temp; fastcgi_temp_path temp; uwsgi_temp_path temp; scgi_temp_path temp;
  keepalive_requests 1000000000;
  open_file_cache max=10;
  limit_req_zone $binary_remote_addr zone=clients:1m rate=1000000r/s;
  gzip on;
  gzip_types application/json;
  server {{
    listen 127.0.0.1:{http1};
    listen 127.0.0.1:{http2} http2;
    location = {path} {{
      limit_req zone=clients burst=1000000 nodelay;
      default_type application/json;
      alias prices.json;
    }}
  }}
}}
"""
