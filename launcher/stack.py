"""The one table of what `make up` starts; docs/architecture.md shows it and is checked against it."""

import signal

from launcher import postgres, probes
from launcher.model import Port, Process, Ready

PYTHON = "{python}"

VALKEY = Process(
    name="valkey",
    what="Redis protocol: sessions, limits, second cache layer, latest prices",
    command=(
        *("{valkey_server}", "--bind", "127.0.0.1", "--port", "{valkey_port}", "--dir", "{data}", "--save", ""),
        *("--appendonly", "yes", "--loglevel", "notice", "--logfile", ""),
    ),
    ports=(Port("valkey_port", 6379),),
    gives={"CV_REDIS_URL": "redis://127.0.0.1:{valkey_port}/0"},
    ready=Ready(probes.valkey, "{valkey_port}"),
    shown=r"(?i)error|fatal|failed",
    awaited=True,
    replaced_by="CV_REDIS_URL",
)

NATS = Process(
    name="nats",
    what="NATS with JetStream: ticks, broadcasts, durable user events",
    command=("{nats_server}", "--addr", "127.0.0.1", "--port", "{nats_port}", "--jetstream", "--store_dir", "{data}"),
    ports=(Port("nats_port", 4222),),
    gives={"CV_NATS_URL": "nats://127.0.0.1:{nats_port}"},
    ready=Ready(probes.nats, "{nats_port}"),
    shown=r"\[(WRN|ERR|FTL)\]",
    awaited=True,
    replaced_by="CV_NATS_URL",
)

POSTGRES = Process(
    name="postgres",
    what="PostgreSQL: users, audit log, candles",
    command=(
        *("{postgres_bin}/postgres", "-D", "{data}/cluster", "-h", "127.0.0.1", "-p", "{postgres_port}"),
        # No Unix socket: its path would be limited to 107 bytes, and the clone may lie anywhere.
        *("-c", "unix_socket_directories=", "-c", "max_connections=200"),
    ),
    ports=(Port("postgres_port", 5432),),
    gives={"CV_DATABASE_URL": "postgresql://postgres@127.0.0.1:{postgres_port}/cryptovault"},
    ready=Ready(probes.postgres, "{postgres_port}"),
    shown=r"\b(WARNING|FATAL|PANIC):",
    awaited=True,
    replaced_by="CV_DATABASE_URL",
    prepare=postgres.prepare,
    stop_signal=signal.SIGINT,  # PostgreSQL's fast shutdown: it does not wait for clients to leave
    own_user=True,
)

SIMULATOR = Process(
    name="simulator",
    what="fake exchanges speaking the real ones' protocols; only when the market is simulated",
    command=(PYTHON, "-m", "simulator"),
    ports=(Port("simulator_port", 8090, "CV_SIMULATOR_PORT"),),
    gives={
        "CV_PRICES_SIMULATED": "true",
        "CV_PRICES_BINANCE_URL": "ws://127.0.0.1:{simulator_port}/binance",
        "CV_PRICES_COINBASE_URL": "ws://127.0.0.1:{simulator_port}/coinbase",
        "CV_PRICES_KRAKEN_URL": "ws://127.0.0.1:{simulator_port}/kraken",
        "CV_PRICES_BINANCE_REST_URL": "http://127.0.0.1:{simulator_port}/binance",
        "CV_PRICES_COINBASE_REST_URL": "http://127.0.0.1:{simulator_port}/coinbase",
        "CV_PRICES_KRAKEN_REST_URL": "http://127.0.0.1:{simulator_port}/kraken",
    },
    ready=Ready(probes.listening, "{simulator_port}"),
    only_market="simulated",
)

AUTH = Process(
    name="auth",
    what="accounts, tokens, sessions",
    command=(PYTHON, "-m", "services.auth"),
    ports=(Port("auth_port", 50051, "CV_AUTH_PORT"),),
    env={"CV_AUTH_REQUIRE_VERIFIED_EMAIL": "false"},
    gives={"CV_AUTH_ADDRESS": "127.0.0.1:{auth_port}"},
    ready=Ready(probes.grpc_health, "{auth_port}"),
    depends_on=("valkey", "nats", "postgres"),
)

PRICES = Process(
    name="prices",
    what="exchange feeds, one honest price per symbol, candles",
    command=(PYTHON, "-m", "services.prices"),
    ports=(Port("prices_port", 50052, "CV_PRICES_PORT"),),
    gives={"CV_PRICES_ADDRESS": "127.0.0.1:{prices_port}"},
    ready=Ready(probes.grpc_health, "{prices_port}"),
    depends_on=("valkey", "nats", "postgres", "simulator"),
)

CACHE = Process(
    name="cache",
    what="cache statistics and invalidation over all processes",
    command=(PYTHON, "-m", "services.cache"),
    ports=(Port("cache_port", 50054, "CV_CACHE_PORT"),),
    gives={"CV_CACHE_ADDRESS": "127.0.0.1:{cache_port}"},
    ready=Ready(probes.grpc_health, "{cache_port}"),
    depends_on=("valkey", "nats"),
)

REALTIME = Process(
    name="realtime",
    what="Socket.IO: live prices, candles, notifications",
    command=(PYTHON, "-m", "services.realtime"),
    ports=(
        Port("realtime_port", 8002, "CV_REALTIME_PORT", public=True),
        Port("realtime_grpc_port", 50053, "CV_REALTIME_GRPC_PORT"),
    ),
    env={"CV_REALTIME_CONNECTIONS_PER_IP": "0"},
    gives={"CV_REALTIME_ADDRESS": "127.0.0.1:{realtime_grpc_port}"},
    ready=Ready(probes.grpc_health, "{realtime_grpc_port}"),
    depends_on=("valkey", "nats", "auth", "prices"),
)

GATEWAY = Process(
    name="gateway",
    what="REST over HTTP/2, TLS, limits, compression, the dashboard",
    command=(PYTHON, "-m", "services.gateway"),
    ports=(
        Port("gateway_port", 8001, "CV_GATEWAY_PORT", public=True),
        Port("gateway_tls_port", 8443, "CV_GATEWAY_TLS_PORT", public=True, may_be_off=True),
    ),
    env={
        "CV_GATEWAY_STATIC_DIR": "{root}/frontend/dist",
        "CV_GATEWAY_TLS_DIR": "{data}",
        "CV_REALTIME_URL": "http://127.0.0.1:{realtime_port}",
    },
    ready=Ready(probes.gateway, "{gateway_port}"),
    depends_on=("valkey", "nats", "auth", "prices", "cache", "realtime"),
)

STACK = (VALKEY, NATS, POSTGRES, SIMULATOR, AUTH, PRICES, CACHE, REALTIME, GATEWAY)
