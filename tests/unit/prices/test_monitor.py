import pytest

from services.kit.testing import FakeClock
from services.prices.feeds.monitor import Circuit, Monitor


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def monitor(clock):
    return Monitor("kraken", simulated=False, clock=clock)


def test_the_circuit_opens_after_three_failures_and_closes_when_the_venue_speaks(monitor):
    seen = []
    for _ in range(3):
        monitor.trying()
        monitor.failed(0, "refused")
        seen.append(monitor.circuit)
    monitor.trying()
    seen.append(monitor.circuit)
    monitor.speaking(0)
    seen.append(monitor.circuit)
    assert seen == [Circuit.CLOSED, Circuit.CLOSED, Circuit.OPEN, Circuit.HALF_OPEN, Circuit.CLOSED]


def test_a_venue_is_connected_when_all_its_sockets_speak(monitor):
    monitor.listed(symbols=300, sockets=2)
    monitor.speaking(0)
    assert not monitor.connected
    monitor.speaking(1)
    assert monitor.connected
    monitor.failed(0, "gone")
    assert (monitor.connected, monitor.state().last_error) == (False, "gone")


def test_the_rate_is_that_of_the_last_ten_seconds(monitor, clock):
    for _ in range(20):
        for _ in range(50):
            monitor.frame(clock.monotonic())
        clock.advance(1)
        monitor.sample()
    for _ in range(10):
        clock.advance(1)
        monitor.sample()
    assert (monitor.state().messages, monitor.state().messages_per_second) == (1000, 0.0)


def test_lag_is_our_time_minus_the_exchanges_and_may_be_negative(monitor, clock):
    monitor.market(round((clock.time() + 1.27) * 1e9), clock.monotonic())
    clock.advance(60)
    assert monitor.state().lag_ms == pytest.approx(-1270, abs=0.01)


def test_the_last_message_keeps_its_time_while_the_clock_goes_on(monitor, clock):
    monitor.frame(clock.monotonic())
    arrived = clock.time()
    clock.advance(7)
    assert monitor.state().last_message_at == arrived
