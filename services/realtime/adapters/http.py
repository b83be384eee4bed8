"""The HTTP port: Socket.IO, /ping and /ready."""

import asyncio
import logging
import random
from dataclasses import dataclass

from aiohttp import web

from services.kit.acceptor import Acceptor, listen
from services.kit.health import Health
from services.realtime.domain.admission import Turnstile
from services.realtime.domain.hub import Hub
from services.realtime.engine.http import REFUSAL
from services.realtime.handlers.clients import ClientHandlers
from services.realtime.socketio_adapter import SocketServer

logger = logging.getLogger(__name__)

SOCKETIO_PATH = "/socket.io/"
BACKLOG = 4096  # connections that wait to be accepted, when all clients return at once
LONGEST_WAIT = 5.0  # seconds a newcomer is kept waiting
SLICES = 20  # in which clients are sent away when draining
SHUTDOWN_TIMEOUT = 2.0  # seconds for requests in flight, once all sockets are closed


@dataclass(frozen=True, kw_only=True)
class Listening:
    """Where and how the HTTP port is served."""

    host: str
    port: int
    max_payload: int  # bytes of a request's body
    drain_spread: float  # seconds over which clients are sent away
    handshakes_per_second: float = 2000.0


class HttpServer:
    """Serves clients until it is drained."""

    def __init__(
        self, listening: Listening, sockets: SocketServer, clients: ClientHandlers, hub: Hub, health: Health
    ) -> None:
        self._listening = listening
        self._sockets = sockets
        self._clients = clients
        self._hub = hub
        self._health = health
        self._draining = False
        self._turnstile = Turnstile(listening.handshakes_per_second, LONGEST_WAIT)
        self._acceptors: list[Acceptor] = []
        self._runner = web.AppRunner(
            self._application(listening.max_payload),
            access_log=None,
            shutdown_timeout=SHUTDOWN_TIMEOUT,
            handler_cancellation=True,  # tells the engine of pollers that are gone
        )

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        await self._runner.setup()
        server = self._runner.server
        assert server is not None  # since it is set up
        listeners = await listen(self._listening.host, self._listening.port, BACKLOG)
        self._acceptors = [Acceptor(listener, server) for listener in listeners]

    async def drain(self, grace: float) -> None:
        """Take no new clients, send those that are here away little by little, and stop listening."""
        self._draining = True
        await self._send_away(min(self._listening.drain_spread, grace / 2))
        await self._sockets.shutdown()
        acceptors, self._acceptors = self._acceptors, []
        await asyncio.gather(*(acceptor.close() for acceptor in acceptors))
        await self._runner.cleanup()

    def _application(self, max_payload: int) -> web.Application:
        application = web.Application(client_max_size=max_payload)
        application.router.add_get("/ping", self._ping)
        application.router.add_get("/ready", self._ready)
        application.router.add_route("*", SOCKETIO_PATH, self._serve_socketio)
        application.on_response_prepare.append(_hide_server)
        return application

    async def _ping(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _ready(self, request: web.Request) -> web.Response:
        components = {name: item.status.value for name, item in self._health.components.items()}
        ready = self._health.ready and not self._draining
        body = {"status": "ready" if ready else "not ready", "components": components}
        return web.json_response(body, status=200 if ready else 503)

    async def _serve_socketio(self, request: web.Request) -> web.StreamResponse:
        address = self._clients.address_of(request)
        if "sid" not in request.query and request.method == "GET":
            await self._let_in(address)
        response = await self._sockets.handle(request, address)
        if "sid" not in request.query and REFUSAL in response:
            self._clients.refused(response[REFUSAL])
        return response

    async def _let_in(self, address: str) -> None:
        """Raises the answer to a newcomer for whom there is no room."""
        if self._draining:
            self._clients.refused("draining")
            raise web.HTTPServiceUnavailable(text="this node is stopping", headers={"Retry-After": "1"})
        await self._take_turn()
        if not self._clients.admits(address):
            self._clients.refused("address_limit")
            raise web.HTTPTooManyRequests(text="too many connections from this address")

    async def _take_turn(self) -> None:
        wait = self._turnstile.wait(asyncio.get_running_loop().time())
        if wait is None:
            self._clients.refused("storm")
            raise web.HTTPServiceUnavailable(text="too many newcomers", headers={"Retry-After": "2"})
        if wait > 0:
            await asyncio.sleep(wait)

    async def _send_away(self, spread: float) -> None:
        """Tell a slice of the clients to come back elsewhere, close it a little later, and go on to the next."""
        sockets, chance = list(self._hub.registry.all()), random.Random()
        size = -(-len(sockets) // SLICES) or 1
        for start in range(0, len(sockets), size):
            leaving = sockets[start : start + size]
            self._hub.suggest_reconnect(leaving, spread, chance)
            await asyncio.sleep(spread / SLICES)
            for socket in leaving:
                socket.outlet.close()
        if sockets:
            logger.info("%d clients were sent away", len(sockets))


async def _hide_server(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.popall("Server", None)
