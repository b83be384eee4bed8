"""Engine.IO over HTTP: which request means what, and what is answered to the others."""

import asyncio
import secrets
from collections.abc import Mapping
from contextlib import suppress

import msgspec
from aiohttp import web

from services.realtime.engine import session as sessions
from services.realtime.engine import websocket
from services.realtime.engine.packets import Malformed, decode_payload, opening
from services.realtime.engine.polling import Overlap, Polling
from services.realtime.engine.probe import Probe
from services.realtime.engine.session import Handlers, Options, Session
from services.realtime.engine.websocket import Detached, WebSocket, WebSockets
from services.realtime.engine.wheel import TimerWheel

MAX_PACKETS_PER_POST = 64
TURNS = 250  # of the timer wheel between two pings

# The reference implementation's errors (socketio/socket.io, packages/engine.io/lib/server.ts).
UNKNOWN_TRANSPORT = (0, "Transport unknown")
UNKNOWN_SID = (1, "Session ID unknown")
BAD_METHOD = (2, "Bad handshake method")
BAD_REQUEST = (3, "Bad request")
FORBIDDEN = (4, "Forbidden origin")
BAD_VERSION = (5, "Unsupported protocol version")


REFUSAL = web.ResponseKey("refusal", str)  # why a request was refused


class Refused(Exception):
    """The request is answered with 400; the arguments are a code and its meaning."""


class Engine:
    """All sessions of this process. Made inside the running event loop."""

    def __init__(self, options: Options, handlers: Handlers) -> None:
        self.options = options
        self.handlers = handlers
        self.sessions: dict[str, Session] = {}
        self._polling: set[str] = set()  # sessions that have no WebSocket yet
        self._pings: TimerWheel[Session] = TimerWheel(options.ping_interval / TURNS, Session.beat)
        self._tasks: set[asyncio.Task[None]] = set()
        self._websockets = WebSockets()

    async def handle(self, request: web.Request, address: str) -> web.StreamResponse:
        """Serve one request of the client at this address."""
        try:
            self._check_origin(request)
            if request.method == "OPTIONS":
                return self._response(request, "")
            return await self._serve(request, address)
        except Refused as refusal:
            code, message = refusal.args
            error = msgspec.json.encode({"code": code, "message": message}).decode()
            response = self._response(request, error, status=400, content_type="application/json")
            response[REFUSAL] = message
            return response

    async def shutdown(self) -> None:
        """End what is left, and wait until clients have read all that was written to them, or had time to."""
        for session in list(self.sessions.values()):
            session.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._pings.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(websocket.CLOSE_TIMEOUT):
                await self._websockets.gone()

    @property
    def transports(self) -> dict[str, int]:
        """Number of sessions by transport."""
        return {"websocket": len(self.sessions) - len(self._polling), "polling": len(self._polling)}

    def upgraded(self, session: Session) -> None:
        """A session has a WebSocket now."""
        self._polling.discard(session.id)

    def forget(self, session: Session) -> None:
        """A session has ended."""
        self.sessions.pop(session.id, None)
        self._polling.discard(session.id)

    def spawn(self, session: Session) -> None:
        """Let a session handle what it has received."""
        task = asyncio.get_running_loop().create_task(session.work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, request: web.Request, address: str) -> web.StreamResponse:
        transport, sid = request.query.get("transport"), request.query.get("sid")
        if transport not in ("polling", "websocket"):
            raise Refused(*UNKNOWN_TRANSPORT)
        if transport == "websocket" and not websocket.is_handshake(request):
            raise Refused(*BAD_REQUEST)
        if sid is None:
            return self._open(request, address, transport)
        session = self.sessions.get(sid)
        if session is None:
            raise Refused(*UNKNOWN_SID)
        if transport == "websocket":
            return self._upgrade(request, session)
        if not isinstance(session.link, Polling):
            raise Refused(*BAD_REQUEST)
        return await self._serve_polling(request, session, session.link)

    async def _serve_polling(self, request: web.Request, session: Session, polling: Polling) -> web.StreamResponse:
        session.beat(asyncio.get_running_loop().time())  # the wheel may be a moment late
        if session.closed:
            raise Refused(*UNKNOWN_SID)
        if request.method == "GET":
            return await self._poll(request, session, polling)
        if request.method == "POST":
            return await self._post(request, session)
        raise Refused(*BAD_METHOD)

    def _open(self, request: web.Request, address: str, transport: str) -> web.StreamResponse:
        if request.query.get("EIO") != "4":
            raise Refused(*BAD_VERSION)
        if request.method != "GET":
            raise Refused(*BAD_METHOD)
        if transport == "polling":
            polling = Polling(self.options.hold_buffer)
            self._begin(address, polling, upgrades=["websocket"])
            return self._response(request, polling.take()[0].payload)
        link, early = self._accept(request)
        self._begin(address, link, upgrades=[])
        return self._detach(link, early)

    def _begin(self, address: str, link: Polling | WebSocket, upgrades: list[str]) -> Session:
        options, now = self.options, asyncio.get_running_loop().time()
        session = Session(self, secrets.token_urlsafe(15), address, link, now)
        self.sessions[session.id] = session
        if isinstance(link, Polling):
            self._polling.add(session.id)
        session.send(opening(session.id, upgrades, options.ping_interval, options.ping_timeout, options.max_payload))
        self.handlers.opened(session)
        self._pings.add(session, session.beat(now) or now)
        return session

    def _upgrade(self, request: web.Request, session: Session) -> web.StreamResponse:
        link, early = self._accept(request)
        polling = session.link
        if isinstance(polling, Polling) and not polling.probed:
            link.receiver = Probe(session, polling, link)
        else:
            link.receiver = Probe(session, Polling(0), link)
            link.close()
        return self._detach(link, early)

    def _accept(self, request: web.Request) -> tuple[WebSocket, bytes]:
        return websocket.accept(request, self.options.max_payload, self.options.hold_buffer, self._websockets)

    def _detach(self, link: WebSocket, early: bytes) -> web.StreamResponse:
        if early:
            link.data_received(early)
        return Detached()

    async def _poll(self, request: web.Request, session: Session, polling: Polling) -> web.StreamResponse:
        try:
            payload = await polling.poll()
            response = self._response(request, payload)
            await response.prepare(request)
            await response.write_eof()
        except Overlap:
            session.close(sessions.TRANSPORT_ERROR)
            raise Refused(*BAD_REQUEST) from None
        except (asyncio.CancelledError, ConnectionError):  # what was taken may not have arrived
            session.close(sessions.TRANSPORT_CLOSE)
            raise
        return response

    async def _post(self, request: web.Request, session: Session) -> web.StreamResponse:
        body = await request.read()
        try:
            received = decode_payload(body, MAX_PACKETS_PER_POST)
        except Malformed:
            session.close(sessions.TRANSPORT_ERROR)
            raise Refused(*BAD_REQUEST) from None
        for packet in received:
            session.received(packet)
        return self._response(request, "ok")

    def _check_origin(self, request: web.Request) -> None:
        origin, allowed = request.headers.get("Origin"), self.options.allowed_origins
        if origin is not None and "*" not in allowed and origin not in allowed:
            raise Refused(*FORBIDDEN)

    def _response(
        self, request: web.Request, text: str, *, status: int = 200, content_type: str = "text/plain"
    ) -> web.Response:
        return web.Response(text=text, status=status, content_type=content_type, headers=self._cors(request))

    def _cors(self, request: web.Request) -> Mapping[str, str]:
        origin, allowed = request.headers.get("Origin"), self.options.allowed_origins
        if origin is None or ("*" not in allowed and origin not in allowed):
            return {"Cache-Control": "no-store"}
        headers = {"Cache-Control": "no-store", "Access-Control-Allow-Origin": origin, "Vary": "Origin"}
        if request.method == "OPTIONS":
            headers["Access-Control-Allow-Methods"] = "GET, POST"
            headers["Access-Control-Allow-Headers"] = request.headers.get("Access-Control-Request-Headers", "")
        return headers
