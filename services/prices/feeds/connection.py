"""The loop that keeps a venue's sockets open: connect, subscribe, read, notice silence, and try again for ever."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import aiohttp

from services.kit.cancellation import pass_on_cancellation, together
from services.kit.clock import Clock
from services.kit.retry import Backoff
from services.prices.domain.events import Accepted, DayStats, Event, Heartbeat, Ignored, Quote, Refused, Trade
from services.prices.domain.instruments import Instrument
from services.prices.feeds.base import Feed, FeedError, Session
from services.prices.feeds.monitor import Monitor

logger = logging.getLogger(__name__)

BACKOFF = Backoff(base=0.25, cap=15.0)
PING_EVERY = 3.0  # seconds; a socket that does not pong within half of it is dead
WATCH_EVERY = 0.5  # seconds
CONNECT_TIMEOUT = 10.0  # seconds
LARGEST_FRAME = 16 * 2**20  # bytes
LARGEST_BURST = 1000  # frames read in one go, before other tasks have their turn
READABLE = (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY)
FAILURES = (aiohttp.ClientError, FeedError, OSError, TimeoutError)

Choose = Callable[[list[Instrument]], list[Instrument]]


class Listener(Protocol):
    """Who wants to know what the venues say."""

    def listed(self, venue: str, instruments: Sequence[Instrument]) -> None:
        """These instruments will be spoken of from now on."""
        ...

    def heard(self, venue: str, event: Quote | Trade | DayStats, received: float) -> None:
        """A venue said something; `received` in monotonic seconds."""
        ...

    def came(self, venue: str) -> None:
        """All of the venue's sockets speak."""
        ...

    def left(self, venue: str) -> None:
        """At least one of the venue's sockets was lost."""
        ...


class VenueFeed:
    """Runs one venue's feed: `run` never ends by itself."""

    def __init__(
        self,
        feed: Feed,
        http: aiohttp.ClientSession,
        listener: Listener,
        monitor: Monitor,
        *,
        choose: Choose,
        clock: Clock,
        backoff: Backoff = BACKOFF,
    ) -> None:
        self._feed = feed
        self._http = http
        self._listener = listener
        self._monitor = monitor
        self._choose = choose
        self._clock = clock
        self._backoff = backoff

    async def run(self) -> None:
        """Ask for the instruments, then hold the sockets they need."""
        instruments = await self._list()
        sessions = self._feed.sessions(instruments)
        self._monitor.listed(len(instruments), len(sessions))
        self._listener.listed(self._feed.name, instruments)
        await together(partial(self._keep, number, session) for number, session in enumerate(sessions))

    async def _list(self) -> list[Instrument]:
        pauses = self._backoff.pauses()
        while True:
            self._monitor.trying()
            try:
                instruments = self._choose(await self._feed.instruments(self._http))
                if instruments:
                    return instruments
                raise FeedError("none of the symbols wanted is listed")
            except FAILURES as error:
                self._failed(0, error)
            await self._clock.sleep(next(pauses))

    async def _keep(self, number: int, session: Session) -> None:
        pauses = self._backoff.pauses()
        while True:
            self._monitor.trying()
            connection = Connection(number, session, self._feed.name, self._listener, self._monitor, self._clock)
            try:
                await connection.run(self._http)
            except FAILURES as error:
                self._failed(number, error)
            if connection.spoke:
                pauses = self._backoff.pauses()
            await self._clock.sleep(next(pauses))

    def _failed(self, number: int, error: BaseException) -> None:
        pass_on_cancellation(error)
        was_connected = self._monitor.connected
        self._monitor.failed(number, _in_words(error))
        if was_connected:
            self._listener.left(self._feed.name)
        logger.warning("%s: %s", self._feed.name, self._monitor.last_error)


class Connection:
    """One socket from opening to its end. `spoke` tells whether the venue answered on it."""

    def __init__(
        self, number: int, session: Session, venue: str, listener: Listener, monitor: Monitor, clock: Clock
    ) -> None:
        self.spoke = False
        self._number = number
        self._session = session
        self._venue = venue
        self._listener = listener
        self._monitor = monitor
        self._clock = clock
        self._heard_at = clock.monotonic()

    async def run(self, http: aiohttp.ClientSession) -> None:
        """Hold the socket until it fails; raises what failed: one of FAILURES."""
        async with asyncio.timeout(CONNECT_TIMEOUT):
            socket = await http.ws_connect(
                self._session.url, heartbeat=PING_EVERY, max_msg_size=LARGEST_FRAME, decode_text=False
            )
        self._monitor.opened()
        self._heard_at = self._clock.monotonic()
        try:
            await together((lambda: self._subscribe(socket), self._watch, lambda: self._read(socket)))
        finally:
            await socket.close()

    async def _subscribe(self, socket: "aiohttp.ClientWebSocketResponse[bool]") -> None:
        for position, request in enumerate(self._session.requests):
            if position:
                await self._clock.sleep(self._session.pause)
            await socket.send_str(request)

    async def _watch(self) -> None:
        while True:
            await self._clock.sleep(WATCH_EVERY)
            silence = self._clock.monotonic() - self._heard_at
            if silence > self._session.silence_limit:
                raise FeedError(f"silent for {silence:.1f} s")

    async def _read(self, socket: "aiohttp.ClientWebSocketResponse[bool]") -> None:
        decode, monotonic, monitor = self._session.decode, self._clock.monotonic, self._monitor
        burst = 0
        while True:
            message = await socket.receive()
            if message.type not in READABLE:
                raise FeedError(f"closed by the venue ({socket.close_code})")
            received = self._heard_at = monotonic()
            monitor.frame(received)
            for event in decode(message.data):
                self._take(event, received)
            burst += 1
            if burst % LARGEST_BURST == 0:  # receive() does not wait while frames lie ready
                await asyncio.sleep(0)

    def _take(self, event: Event, received: float) -> None:
        if isinstance(event, Quote | Trade):
            if event.event_time:
                self._monitor.market(event.event_time, received)
            self._listener.heard(self._venue, event, received)
        elif isinstance(event, DayStats):
            self._listener.heard(self._venue, event, received)
        elif isinstance(event, Ignored):
            self._monitor.ignored[event.reason] += 1
        elif isinstance(event, Refused):
            self._monitor.refused(event.reason)
            logger.warning("%s refused a request: %s", self._venue, event.reason)
        if not self.spoke and isinstance(event, Quote | Trade | DayStats | Accepted | Heartbeat):
            self._begin()

    def _begin(self) -> None:
        self.spoke = True
        was_connected = self._monitor.connected
        self._monitor.speaking(self._number)
        if self._monitor.connected and not was_connected:
            logger.info("%s speaks", self._venue)
            self._listener.came(self._venue)


def _in_words(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__
