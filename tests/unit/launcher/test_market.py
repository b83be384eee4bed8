"""Live exchanges when they can be reached, the simulator otherwise; recordings are never live."""

import pytest

from launcher import market
from launcher.market import choose_market


async def test_the_market_is_the_one_asked_for():
    assert await choose_market({"CV_MARKET": "live"}) == "live"
    assert await choose_market({"CV_MARKET": "simulated"}) == "simulated"


async def test_recordings_are_replayed_by_the_simulator():
    assert await choose_market({"CV_SIMULATOR_RECORDINGS": "/recordings"}) == "simulated"


async def test_recordings_cannot_be_live():
    with pytest.raises(ValueError, match="exclude each other"):
        await choose_market({"CV_MARKET": "live", "CV_SIMULATOR_RECORDINGS": "/recordings"})


async def test_an_unknown_market_is_named():
    with pytest.raises(ValueError, match="CV_MARKET must be one of auto, live, simulated, not 'real'"):
        await choose_market({"CV_MARKET": "real"})


async def test_unreachable_exchanges_mean_the_simulator(monkeypatch, unused_tcp_port):
    monkeypatch.setattr(market, "VENUES", (("127.0.0.1", unused_tcp_port),))
    assert await choose_market({}) == "simulated"
