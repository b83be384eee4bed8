"""Channels, packets, admission, the meter: small rules."""

import pytest

from services.realtime.domain.admission import Admission, Turnstile
from services.realtime.domain.channels import InvalidChannel, Kind, parse
from services.realtime.domain.meter import Meter
from services.realtime.domain.packets import Packet, fault_of_event_name, frame


@pytest.mark.parametrize(
    ("name", "kind", "symbol", "interval"),
    [
        ("prices", Kind.PRICES, "", ""),
        ("prices:BTC-USD", Kind.SYMBOL_PRICES, "BTC-USD", ""),
        ("candles:BTC-USD:1m", Kind.CANDLES, "BTC-USD", "1m"),
        ("notifications", Kind.NOTIFICATIONS, "", ""),
        ("system", Kind.SYSTEM, "", ""),
    ],
)
def test_channels_are_known_by_name(name, kind, symbol, interval):
    channel = parse(name)
    assert (channel.kind, channel.symbol, channel.interval) == (kind, symbol, interval)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "unknown channel"),
        ("prices:", "symbol"),
        ("prices:btc-usd", "symbol"),
        ("prices:BTC-USD:1m", "unknown channel"),
        ("candles:BTC-USD", "unknown channel"),
        ("candles:BTC-USD:2m", "unknown interval"),
        ("*", "unknown channel"),
        ("x" * 65, "64 characters"),
    ],
)
def test_a_wrong_channel_name_is_refused_with_a_reason(name, reason):
    with pytest.raises(InvalidChannel, match=reason):
        parse(name)


def test_a_packet_is_a_socketio_event():
    assert Packet("note", b'{"n":1}').payload == '42["note",{"n":1}]'


@pytest.mark.parametrize(
    ("length", "header"),
    [
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65_535, b"\x81\x7e\xff\xff"),
        (65_536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_frames_carry_their_length_as_rfc_6455_says(length, header):
    assert frame(b"x" * length) == header + b"x" * length


def test_a_packets_frame_is_built_once():
    packet = Packet("note", b"{}")
    assert packet.frame == frame(b'42["note",{}]')
    assert packet.frame is packet.frame


@pytest.mark.parametrize("name", ["notification", "system_maintenance", "price_update", "order.filled", "message"])
def test_ordinary_event_names_are_fine(name):
    assert fault_of_event_name(name) == ""


@pytest.mark.parametrize("name", ["", "connect", "disconnect", "connect_error", "9lives", "a b", "x" * 65])
def test_event_names_that_clients_could_not_receive_are_refused(name):
    assert fault_of_event_name(name) != ""


def test_an_address_may_open_again_what_it_has_closed():
    admission = Admission(per_address=1)
    admission.opened("a")
    assert not admission.allows("a")
    assert admission.allows("b")
    admission.closed("a")
    assert admission.allows("a")


def test_the_message_rate_is_that_of_the_last_ten_seconds():
    meter = Meter()
    for second in range(31):
        meter.sent(10 if second < 15 else 40, 100)
        rate = meter.rates(float(second))[0]
    assert rate == pytest.approx(40)
    assert meter.bytes_sent == meter.messages_sent * 100


def test_delays_are_quantiles_and_never_negative():
    meter = Meter()
    meter.delayed(range(100), 99.0)
    meter.delayed([200.0], 100.0)
    assert meter.delay(0.5) == pytest.approx(49, abs=1)
    assert meter.delay(0.99) == pytest.approx(98, abs=1)


def test_newcomers_are_let_in_at_a_steady_rate():
    turnstile = Turnstile(per_second=10, longest=1.0)
    assert [round(turnstile.wait(100.0), 3) for _ in range(4)] == [0.0, 0.1, 0.2, 0.3]
    assert turnstile.wait(200.0) == 0


def test_who_would_have_to_wait_too_long_is_sent_away_at_once():
    turnstile = Turnstile(per_second=10, longest=1.0)
    waits = [turnstile.wait(100.0) for _ in range(50)]
    assert waits.count(None) == 39
    assert turnstile.wait(100.5) is not None
