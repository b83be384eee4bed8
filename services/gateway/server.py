"""Hypercorn, set up and run inside the service: HTTP/1.1 and HTTP/2, with and without TLS, from one process."""

import asyncio
import logging
import socket
from collections.abc import Coroutine
from contextlib import suppress
from typing import cast

from hypercorn.asyncio.run import worker_serve
from hypercorn.config import Config, Sockets
from hypercorn.typing import ASGIFramework
from hypercorn.utils import wrap_app
from starlette.types import ASGIApp

from services.gateway.certificate import Certificate
from services.gateway.http2.limits import Limits
from services.gateway.http2.serving import serve

logger = logging.getLogger(__name__)

MEBIBYTE = 1024 * 1024
NEVER = 10**9
UNSENT_BYTES = 64 * 1024


def hypercorn_config(host: str, port: int, tls_port: int, certificate: Certificate | None, workers: int = 1) -> Config:
    """Hypercorn's settings: what its defaults break under load, and what no client needs to know."""
    config = Config()
    config.workers = workers  # above 1 the ports are shared (SO_REUSEPORT); the workers are not Hypercorn's
    plain = f"{host}:{port}"
    if certificate is not None:
        config.bind, config.insecure_bind = [f"{host}:{tls_port}"], [plain]
        config.certfile, config.keyfile = str(certificate.chain), str(certificate.key)
    else:
        config.bind = [plain]
    config.include_server_header = False
    config.accesslog = None
    config.errorlog = logging.getLogger("hypercorn.error")
    config.backlog = 2048
    config.keep_alive_timeout = 75.0  # longer than the load balancers in front, so that they close first
    # The stock engine ends a connection at this count and loses what is in flight with it.
    config.keep_alive_max_requests = NEVER
    config.h2_max_concurrent_streams = 250
    # The only reader of an HTTP/2 connection waits on this queue, one slot a DATA frame; handlers read early and fast.
    config.max_app_queue_size = 64
    config.ssl_handshake_timeout = 10.0
    config.websocket_ping_interval = 25.0
    config.websocket_max_message_size = MEBIBYTE
    return config


def check_ports(config: Config) -> None:
    """Raises OSError when a port is taken, also by a server that would share it, or the certificate cannot be read."""
    config.create_ssl_context()
    shared, config.workers = config.workers, 1
    try:
        sockets = config.create_sockets()
    finally:
        config.workers = shared
    for sock in (*sockets.secure_sockets, *sockets.insecure_sockets):
        sock.close()


class HttpServer:
    """Serves an ASGI application until it is drained."""

    def __init__(self, app: ASGIApp, config: Config, engine: str = "ngh2", *, connections_per_client: int = 0) -> None:
        self._app = app
        self._config = config
        self._engine = engine  # of HTTP/2: ours on ngh2, or Hypercorn's own
        self._limits = Limits(
            streams=config.h2_max_concurrent_streams,
            connections_per_client=connections_per_client,
            idle_timeout=config.keep_alive_timeout,
        )
        self._stopping = asyncio.Event()
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen. Raises OSError when a port is taken or the certificate cannot be read."""
        self._config.create_ssl_context()  # fails here, before anybody thinks that we are up
        sockets = self._config.create_sockets()
        _listen(sockets, self._config.backlog)
        self._serving = asyncio.create_task(self._serve(sockets), name="hypercorn")
        self._serving.add_done_callback(_report)

    def _serve(self, sockets: Sockets) -> Coroutine[None, None, None]:
        config, stop = self._config, self._stopping.wait
        if self._engine == "ngh2":
            return serve(self._app, config, sockets=sockets, shutdown_trigger=stop, limits=self._limits)
        app = cast("ASGIFramework", self._app)  # the same protocol, written down twice
        return worker_serve(wrap_app(app, 0, "asgi"), config, sockets=sockets, shutdown_trigger=stop)

    async def drain(self, grace: float) -> None:
        """Close the listeners; end when the requests in flight are answered, or after `grace` seconds."""
        self._config.graceful_timeout = grace
        self._stopping.set()
        if self._serving is None:
            return
        # Newer Pythons wait for idle connections before the timeout counts; so it counts here.
        await asyncio.wait({self._serving}, timeout=grace + 1.0)
        self._serving.remove_done_callback(_report)
        self._serving.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await self._serving


def _listen(sockets: Sockets, backlog: int) -> None:
    """Accept connections from now on, though the event loop takes them up a moment later.

    What they inherit bounds the unsent bytes that the kernel keeps for each: a thousand clients that ask for much and
    read nothing hold 0.2 GB of the machine's memory for TCP so, and 1.4 GB without.
    """
    for sock in (*sockets.secure_sockets, *sockets.insecure_sockets):
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
        sock.listen(backlog)


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("the HTTP server has failed", exc_info=error)
