"""What Socket.IO clients ask for: to connect, to authenticate, to subscribe."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from secrets import token_urlsafe
from typing import Any, Protocol

import msgspec
from aiohttp import web

from services.kit.addresses import client_address, network_of
from services.kit.errors import CryptoVaultError, Unavailable
from services.kit.tokens import Claims
from services.realtime.domain.admission import Admission
from services.realtime.domain.hub import Hub
from services.realtime.domain.registry import Identity, Outlet, Socket
from services.realtime.engine.session import SLOW, TOO_FAST
from services.realtime.handlers.arguments import Malformed, names_in, pace_in
from services.realtime.handlers.recovery import Recovery
from services.realtime.handlers.rooms import Rooms
from services.realtime.socketio_adapter import NotNow, Refused

logger = logging.getLogger(__name__)

Answer = dict[str, Any]
Handler = Callable[[Socket, tuple[object, ...]], Awaitable[Answer]]


class Verifier(Protocol):
    """Tells whose an access token is."""

    async def verify(self, token: str) -> Claims:
        """The token's claims. Raises Unauthenticated or Unavailable."""
        ...


class TooMany(Malformed):
    """The user has no room for another connection."""


class ClientHandlers:
    """Answers the clients' events. Whatever they send gets an answer, never silence or a traceback."""

    def __init__(
        self, hub: Hub, rooms: Rooms, verifier: Verifier, recovery: Recovery, admission: Admission, trusted_hops: int
    ) -> None:
        self._hub = hub
        self._rooms = rooms
        self._recovery = recovery
        self._verifier = verifier
        self._admission = admission
        self._trusted_hops = trusted_hops
        self._handlers: dict[str, Handler] = {
            "authenticate": self._authenticate,
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
        }

    def address_of(self, request: web.Request) -> str:
        """What counts as one client: its address, as far as proxies are trusted, or of IPv6 its network."""
        forwarded_for = ",".join(request.headers.getall("X-Forwarded-For", []))
        return network_of(client_address(request.remote or "", forwarded_for, self._trusted_hops))

    def admits(self, address: str) -> bool:
        """Whether the address may open another connection."""
        return self._admission.allows(address)

    def refused(self, reason: str) -> None:
        """A handshake has failed."""
        self._hub.meter.refusals[reason] += 1

    def opened(self, address: str) -> None:
        """A session of this address begins."""
        self._admission.opened(address)

    def closed(self, address: str, reason: str) -> None:
        """A session of this address has ended."""
        self._admission.closed(address)
        self._hub.meter.slow_disconnects += reason == SLOW
        self._hub.meter.fast_disconnects += reason == TOO_FAST

    async def connect(self, socket_id: str, outlet: Outlet, auth: object) -> dict[str, str]:
        """Let a client in, as the token's user or as nobody, where it left off if that is possible.

        Returns what CONNECT says besides the socket's id. Raises Refused, or NotNow when the token cannot be checked.
        """
        try:
            identity = await self._identity_of(auth)
            recovered = await self._recovery.recover(auth, identity)
            identity = await self._identity_of(auth)  # its session may have ended meanwhile, with no socket to close
            self._check_room_for(identity)
        except (Malformed, CryptoVaultError) as error:
            self.refused(_kind(error))
            refusal = NotNow if isinstance(error, Unavailable) else Refused
            raise refusal(_reason(error)) from error
        socket = Socket(socket_id, outlet, backlog=[])
        self._hub.connect(socket, identity)
        if recovered is not None:
            self._hub.restore(socket, recovered.channels, recovered.after, recovered.missed)
        _after_the_answer(self._hub.greet, socket, recovered is not None)
        return {"pid": recovered.pid if recovered is not None else token_urlsafe(15)}

    def disconnected(self, socket_id: str) -> None:
        """A client is gone."""
        socket = self._hub.registry.find(socket_id)
        if socket is not None:
            self._hub.disconnect(socket)

    def fell_behind(self, socket_id: str) -> None:
        """A client reads more slowly than it is written to."""
        socket = self._hub.registry.find(socket_id)
        if socket is not None:
            self._hub.hold(socket)

    def caught_up(self, socket_id: str) -> None:
        """A client has read what was waiting for it."""
        socket = self._hub.registry.find(socket_id)
        if socket is not None:
            self._hub.release(socket)

    async def event(self, socket_id: str, event: str, arguments: tuple[object, ...]) -> Answer:
        """Answer one event."""
        socket, handler = self._hub.registry.find(socket_id), self._handlers.get(event)
        if socket is None:
            return _failure("not connected")
        if handler is None:
            return _failure(f"unknown event; there are {', '.join(self._handlers)}")
        try:
            return await handler(socket, arguments)
        except (Malformed, CryptoVaultError) as error:
            return _failure(_reason(error))
        except Exception:
            logger.exception("the event %s failed", event)
            return _failure("internal error")

    async def _authenticate(self, socket: Socket, arguments: tuple[object, ...]) -> Answer:
        credentials = arguments[0] if len(arguments) == 1 else None
        if not isinstance(credentials, dict):
            raise Malformed("authenticate takes one object, {token}")
        identity = await self._identity_of(credentials, required=True)
        if identity is None or socket not in self._hub.registry:
            raise Malformed("not connected")
        if socket.identity is None or socket.identity.user_id != identity.user_id:
            self._check_room_for(identity)
        self._hub.authenticate(socket, identity)
        self._hub.mark(socket)
        return {"ok": True, "user_id": identity.user_id}

    async def _subscribe(self, socket: Socket, arguments: tuple[object, ...]) -> Answer:
        if len(arguments) > 2:
            raise Malformed("subscribe takes an array of channel names and an object, {hz}")
        names, hz = names_in("subscribe", arguments[:1]), pace_in(*arguments[1:])
        answer = self._hub.subscribe(socket, names, hz)
        await self._rooms.hear(answer.subscribed)
        self._hub.mark(socket)  # before the answer: who has that will find its channels again
        _after_the_answer(self._hub.join, socket, answer.subscribed)
        return dict(msgspec.to_builtins(answer))

    async def _unsubscribe(self, socket: Socket, arguments: tuple[object, ...]) -> Answer:
        ended = self._hub.unsubscribe(socket, names_in("unsubscribe", arguments))
        self._hub.mark(socket)
        return {"unsubscribed": ended}

    def _check_room_for(self, identity: Identity | None) -> None:
        """Raises TooMany when the user has as many connections to this node as one may have."""
        if identity and not self._admission.allows_user(len(self._hub.registry.of_user(identity.user_id))):
            raise TooMany("too many connections of this user")

    async def _identity_of(self, auth: object, required: bool = False) -> Identity | None:
        """Whom the credentials speak for, None for nobody. Raises Malformed, Unauthenticated or Unavailable."""
        if auth is None:
            return None
        if not isinstance(auth, dict):
            raise Malformed("auth must be an object, {token}")
        token = auth.get("token")
        if token in (None, "") and not required:
            return None
        if not isinstance(token, str) or not token:
            raise Malformed("token must be a non-empty string")
        claims = await self._verifier.verify(token)
        return Identity(claims.user_id, claims.session_id, claims.epoch, claims.expires_at)


def _failure(reason: str) -> Answer:
    return {"ok": False, "error": reason}


def _reason(error: Malformed | CryptoVaultError) -> str:
    return error.detail if isinstance(error, CryptoVaultError) else str(error)


def _kind(error: Malformed | CryptoVaultError) -> str:
    """Why a handshake failed, for the statistics."""
    if isinstance(error, TooMany):
        return "user_limit"
    if isinstance(error, Malformed):
        return "malformed"
    return "unavailable" if isinstance(error, Unavailable) else "token"


def _after_the_answer(action: Callable[..., None], *arguments: object) -> None:
    """What a handler sends of its own goes out after its answer, which the library writes when the handler returns."""
    asyncio.get_running_loop().call_soon(action, *arguments)
