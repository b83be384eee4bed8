"""The connection loop against a small WebSocket server on the loopback interface."""

import asyncio
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from services.kit.clock import SystemClock
from services.kit.retry import Backoff
from services.prices.domain.events import Quote
from services.prices.domain.instruments import Instrument
from services.prices.feeds.base import FeedError, Session
from services.prices.feeds.coinbase import Coinbase, Decoder
from services.prices.feeds.connection import VenueFeed
from services.prices.feeds.monitor import Circuit, Monitor

TICKER = '{"type":"ticker","product_id":"BTC-USD","price":"100.01","best_bid":"100.00","best_ask":"100.02","time":"2021-04-17T16:43:29.571587Z"}'
BTC = Instrument("coinbase", "BTC-USD", "BTC", "USD", 2)
SOON = Backoff(base=0.01, cap=0.05)


class Venue:
    """An exchange that a test can make misbehave."""

    def __init__(self):
        self.asked = []
        self.connections = 0
        self.greeting = [TICKER]
        self.hang_up = False
        self.failing = False

    def application(self):
        app = web.Application()
        app.add_routes([web.get("/products", self.products), web.get("/", self.socket)])
        return app

    async def products(self, request):
        if self.failing:
            return web.Response(status=503)
        products = [{"id": "BTC-USD", "base_currency": "BTC", "quote_currency": "USD", "quote_increment": "0.01"}]
        return web.json_response(products)

    async def socket(self, request):
        self.connections += 1
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        for frame in self.greeting:
            await socket.send_str(frame)
        if self.hang_up:
            await socket.close()
        async for message in socket:
            self.asked.append(message.data)
        return socket


class Listener:
    """Remembers what it was told."""

    def __init__(self):
        self.instruments = []
        self.events = []
        self.changes = []

    def listed(self, venue, instruments):
        self.instruments = list(instruments)

    def heard(self, venue, event, received):
        self.events.append(event)

    def came(self, venue):
        self.changes.append("came")

    def left(self, venue):
        self.changes.append("left")


class Silent(Coinbase):
    """A feed that loses patience quickly."""

    def sessions(self, instruments):
        [session] = super().sessions(instruments)
        return [Session(session.url, session.requests, 0.0, 0.2, Decoder({"BTC-USD": "BTC-USD"}).decode)]


@asynccontextmanager
async def running(venue, kind=Coinbase, choose=lambda listed: listed):
    async with TestServer(venue.application()) as server, aiohttp.ClientSession() as http:
        url = str(server.make_url("/"))
        listener, monitor = Listener(), Monitor("coinbase", simulated=True, clock=SystemClock())
        feed = VenueFeed(kind(url, url), http, listener, monitor, choose=choose, clock=SystemClock(), backoff=SOON)
        task = asyncio.create_task(feed.run())
        try:
            yield listener, monitor
        finally:
            task.cancel()
            await asyncio.wait([task])


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_feed_lists_subscribes_and_passes_on_what_it_hears():
    venue = Venue()
    async with running(venue) as (listener, monitor):
        await until(lambda: listener.events and len(venue.asked) == 2)
    assert listener.instruments == [BTC]
    assert isinstance(listener.events[0], Quote)
    assert listener.changes == ["came"]
    assert (monitor.connects, monitor.messages, monitor.symbols) == (1, 1, 1)


async def test_a_venue_that_hangs_up_is_connected_to_again_and_again():
    venue = Venue()
    venue.hang_up = True
    async with running(venue) as (listener, monitor):
        await until(lambda: venue.connections >= 4)
    assert listener.changes[:3] == ["came", "left", "came"]
    assert monitor.last_error.startswith("closed by the venue")


async def test_a_silent_socket_is_given_up():
    venue = Venue()
    async with running(venue, kind=Silent) as (listener, monitor):
        await until(lambda: venue.connections >= 2)
    assert "left" in listener.changes
    assert monitor.last_error.startswith("silent for")


async def test_a_refused_list_of_instruments_is_asked_for_again():
    venue = Venue()
    venue.failing = True
    async with running(venue) as (listener, monitor):
        await until(lambda: monitor.circuit is Circuit.OPEN)
        venue.failing = False
        await until(lambda: listener.events)
        assert monitor.circuit is Circuit.CLOSED
    assert "503" in monitor.last_error


async def test_a_venue_without_any_wanted_symbol_says_so():
    async with running(Venue(), choose=lambda listed: []) as (listener, monitor):
        await until(lambda: monitor.last_error)
    assert monitor.last_error == "none of the symbols wanted is listed"
    assert listener.events == []


async def test_a_refused_request_is_shown_and_the_rest_goes_on():
    venue = Venue()
    venue.greeting = ['{"type":"error","message":"Failed to subscribe","reason":"X"}', TICKER]
    async with running(venue) as (listener, monitor):
        await until(lambda: listener.events)
        assert monitor.last_error == "Failed to subscribe: X"
        assert monitor.connected


async def test_frames_that_cannot_be_read_are_counted_by_reason():
    venue = Venue()
    venue.greeting = ["{", '{"type":"status"}', TICKER]
    async with running(venue) as (listener, monitor):
        await until(lambda: listener.events)
    assert monitor.ignored == {"malformed": 1, "unknown channel": 1}


@pytest.mark.parametrize(
    ("body", "problem"), [(b"{}", "products cannot be read"), (b"[{}]", "products cannot be read")]
)
async def test_an_unreadable_list_of_instruments_is_an_error_in_words(body, problem):
    async def answer(request):
        return web.Response(body=body)

    app = web.Application()
    app.add_routes([web.get("/products", answer)])
    async with TestServer(app) as server, aiohttp.ClientSession() as http:
        with pytest.raises(FeedError, match=problem):
            await Coinbase("ws://unused", str(server.make_url("/"))).instruments(http)
