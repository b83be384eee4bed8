"""The meter follows frames however they are cut, and knows what they cost."""

import pytest

from services.gateway.http2.buckets import TokenBucket
from services.gateway.http2.limits import Limits
from services.gateway.http2.meter import CLOSED_STREAM, FRAME_FLOOD, NO_STREAM, RESET_FLOOD, FrameMeter
from tests.unit.gateway_http2.wire import (
    CONTINUATION,
    END_HEADERS,
    GET,
    HEADERS,
    POST,
    PREFACE,
    PRIORITY,
    block,
    data,
    frame,
    headers,
    ping,
    reset,
    settings,
)  # fmt: skip

LIMITS = Limits(control_frames=(10, 1), resets=(5, 1))


def begun() -> FrameMeter:
    """Of a connection that has said hello."""
    meter = FrameMeter(LIMITS, TokenBucket(*LIMITS.resets, 0.0), 0.0)
    assert meter.read(PREFACE + settings({}), 0.0, (), ()) is None
    return meter


@pytest.fixture
def meter() -> FrameMeter:
    return begun()


def test_frames_that_ask_for_nothing_use_up_the_budget(meter: FrameMeter) -> None:
    assert meter.read(ping() * 9, 0.0, (), ()) is None
    assert meter.read(ping(), 0.0, (), ()) == FRAME_FLOOD


def test_requests_and_answers_earn_budget(meter: FrameMeter) -> None:
    meter.read(ping() * 9, 0.0, (), ())
    assert meter.read(headers(1, GET) + ping() * 2, 0.0, (), ()) is None
    meter.sent(1024)
    assert meter.read(ping() * 2, 0.0, (), ()) is None
    assert meter.read(ping(), 0.0, (), ()) == FRAME_FLOOD


def test_resets_have_a_budget_of_their_own(meter: FrameMeter) -> None:
    meter.read(headers(1, GET), 0.0, (), ())
    assert meter.read(reset(1) * 5, 0.0, {1}, ()) is None
    assert meter.read(reset(1), 0.0, {1}, ()) == RESET_FLOOD


def test_a_reset_counts_for_more_where_its_stream_has_just_begun(meter: FrameMeter) -> None:
    assert meter.read(headers(1, GET) + reset(1), 0.0, (), ()) is None
    assert meter.read(headers(3, GET), 0.0, (), ()) is None
    assert meter.read(reset(3), 0.0, {3}, ()) == RESET_FLOOD


def test_frames_are_followed_byte_by_byte(meter: FrameMeter) -> None:
    held, sent = b"", headers(1, POST, end=False) + data(1, b"test") + ping() * 20
    faults = []
    for byte in sent:
        held += bytes((byte,))
        faults.append(meter.read(held, 0.0, {1}, ()))
        held = held[meter.whole :]
    assert faults.index(FRAME_FLOOD) == len(sent) - 10 * len(ping()) + 8


SPLIT = frame(HEADERS, 0, 1, block(POST)[:5]) + frame(CONTINUATION, END_HEADERS, 1, block(POST)[5:])


@pytest.mark.parametrize("opening", [headers(1, POST, end=False), SPLIT])
def test_a_stream_is_known_wherever_the_read_ends_in_which_it_begins(opening: bytes) -> None:
    sent = opening + data(1, b"test")
    for end in range(1, len(opening)):
        meter = begun()
        assert meter.read(sent[:end], 0.0, (), ()) is None
        assert meter.read(sent[meter.whole :], 0.0, (), ()) is None


def test_data_is_held_until_its_frame_is_whole(meter: FrameMeter) -> None:
    head, body = headers(1, POST, end=False), data(1, b"x" * 100)
    assert meter.read(head + body[:50], 0.0, (), ()) is None
    assert meter.whole == len(head)
    assert meter.read(body, 0.0, {1}, ()) is None
    assert meter.whole == len(body)


def test_a_frame_that_is_too_long_is_not_waited_for(meter: FrameMeter) -> None:
    sent = headers(1, POST, end=False) + (2**20).to_bytes(3, "big") + b"\x00\x00" + (1).to_bytes(4, "big") + b"x"
    meter.read(sent, 0.0, (), ())
    assert meter.whole == len(sent)


def test_a_header_block_is_timed_from_its_first_byte_to_its_last(meter: FrameMeter) -> None:
    encoded = block(GET)
    meter.read(frame(HEADERS, 0, 1, encoded)[:-1], 1.0, (), ())
    meter.read(encoded[-1:], 2.0, (), ())
    assert meter.block_since == 1.0
    meter.read(frame(CONTINUATION, END_HEADERS, 1, b""), 3.0, (), ())
    assert meter.block_since is None


def test_each_header_block_is_timed_by_itself(meter: FrameMeter) -> None:
    one, two = headers(1, GET), headers(3, GET)
    meter.read(one[:-1], 1.0, (), ())
    meter.read(one[-1:] + two[:-1], 9.0, (), ())
    assert meter.block_since == 9.0


def test_who_writes_to_a_stream_that_has_ended_is_at_fault_unless_we_ended_it(meter: FrameMeter) -> None:
    meter.read(headers(1, POST, end=False), 0.0, (), ())
    late = data(1, b"late")
    assert meter.read(late, 0.0, {1}, ()) is None
    assert meter.read(late, 0.0, (), {1}) is None
    assert meter.read(late, 0.0, (), ()) == CLOSED_STREAM


def test_who_writes_to_a_stream_that_it_has_just_reset_is_at_fault(meter: FrameMeter) -> None:
    opened, sent = headers(1, POST, end=False), data(1, b"test")
    assert meter.read(opened + sent + reset(1), 0.0, (), ()) is None
    assert begun().read(opened + reset(1) + sent, 0.0, (), ()) == CLOSED_STREAM
    assert begun().read(opened + reset(1) + headers(1, POST), 0.0, (), ()) == CLOSED_STREAM
    assert begun().read(opened + reset(1) + headers(3, GET), 0.0, (), ()) is None


def test_a_priority_of_the_connection_is_a_fault(meter: FrameMeter) -> None:
    assert meter.read(frame(PRIORITY, 0, 0, bytes(5)), 0.0, (), ()) == NO_STREAM
