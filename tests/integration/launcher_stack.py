"""A small stack under the real launcher: the three embedded servers and one service. `python launcher_stack.py`."""

import asyncio
import os
import sys

from launcher import probes
from launcher.model import Port, Process, Ready
from launcher.stack import NATS, POSTGRES, VALKEY
from launcher.up import up

SERVICE = Process(
    name="service",
    what="stands for all services: listens, and starts a process of its own",
    command=(
        *("sh", "-c"),
        'sleep 1000 & exec "$0" -m http.server "$1" --bind 127.0.0.1',
        *("{python}", "{gateway_port}"),
    ),
    ports=(
        Port("gateway_port", 8001, "CV_GATEWAY_PORT", public=True),
        Port("gateway_tls_port", 8443, "CV_GATEWAY_TLS_PORT", public=True),
        Port("realtime_port", 8002, "CV_REALTIME_PORT", public=True),
    ),
    ready=Ready(probes.listening, "{gateway_port}"),
    depends_on=("valkey", "nats", "postgres"),
)

if __name__ == "__main__":
    sys.exit(asyncio.run(up(dict(os.environ), (VALKEY, NATS, POSTGRES, SERVICE))))
