"""Who is let in at the door, and who counts as one client there."""

import asyncio
from typing import Any

import pytest
from hypercorn.config import Config

from services.gateway.http2.engine import Engine
from services.gateway.http2.front import Door, Front, WebSocketFront
from services.gateway.http2.limits import Limits
from services.gateway.http2.meter import PREFACE
from services.gateway.http2.statistics import Event


class FakeTransport(asyncio.Transport):
    """A connection from an address."""

    def __init__(self, address: Any) -> None:
        super().__init__({"peername": address})
        self.aborted = asyncio.Event()
        self.closed = asyncio.Event()

    def abort(self) -> None:
        self.aborted.set()

    def close(self) -> None:
        self.closed.set()


async def unused(*arguments: Any) -> None:
    raise AssertionError("nothing is asked here")


def door(most: int = 0, **limits: float) -> Door:
    return Door(Engine(unused, Config(), Limits(connections_per_client=most, **limits), {}), unused)


def come(door: Door, address: Any) -> tuple[Front, bool]:
    """A connection, and whether it was let in."""
    front, transport = Front(door), FakeTransport(address)
    front.connection_made(transport)
    return front, not transport.aborted.is_set()


@pytest.mark.parametrize(
    ("address", "same", "other"),
    [
        (("192.0.2.1", 1), ("192.0.2.1", 2), ("192.0.2.2", 1)),
        (("2001:db8::1", 1, 0, 0), ("2001:db8::ffff:1", 1, 0, 0), ("2001:db8:0:1::1", 1, 0, 0)),
        (("::ffff:192.0.2.1", 1, 0, 0), ("192.0.2.1", 2), ("::ffff:192.0.2.2", 1, 0, 0)),
        (("fe80::1%eth0", 1, 0, 2), ("fe80::2%eth0", 1, 0, 2), ("2001:db8::1", 1, 0, 0)),
    ],
)
async def test_an_address_or_a_network_of_ipv6_counts_as_one_client(address: Any, same: Any, other: Any) -> None:
    limited = door(1)
    assert [come(limited, who)[1] for who in (address, same, other)] == [True, False, True]


async def test_who_is_refused_is_counted_and_takes_no_room() -> None:
    limited, address = door(2), ("192.0.2.1", 1)
    first, *_ = [come(limited, address)[0] for _ in range(2)]
    refused = [come(limited, address) for _ in range(3)]
    for front, _ in refused:
        front.connection_lost(None)
    assert limited.engine.events[Event.REFUSED_CONNECTIONS] == 3
    first.connection_lost(None)
    assert [come(limited, address)[1] for _ in range(2)] == [True, False]


async def test_without_a_limit_everybody_is_let_in() -> None:
    unlimited = door(0)
    assert all(come(unlimited, ("192.0.2.1", port))[1] for port in range(500))
    assert Event.REFUSED_CONNECTIONS not in unlimited.engine.events


async def test_who_begins_a_preface_ends_it_in_the_time_for_a_head_however_it_drips() -> None:
    patient, transport = door(header_timeout=0.05, idle_timeout=1000.0), FakeTransport(("192.0.2.1", 1))
    front = Front(patient)
    front.connection_made(transport)
    for byte in PREFACE[:-1]:
        if not transport.closed.is_set():
            front.data_received(bytes([byte]))
            await asyncio.sleep(0.02)
    assert transport.closed.is_set()


def websocket(stall_timeout: float) -> tuple[WebSocketFront, FakeTransport]:
    """A WebSocket whose client has been let in and is behind."""
    patient, address = door(stall_timeout=stall_timeout), "192.0.2.1"
    patient.admit(address)
    transport = FakeTransport((address, 1))
    front = WebSocketFront(patient, address, transport)
    front.pause_writing()
    return front, transport


async def test_a_websocket_whose_client_reads_nothing_is_given_up() -> None:
    _, transport = websocket(stall_timeout=0.01)
    assert await asyncio.wait_for(transport.aborted.wait(), 5)


@pytest.mark.parametrize("after", [WebSocketFront.resume_writing, lambda front: front.connection_lost(None)])
async def test_a_websocket_whose_client_reads_on_or_has_left_is_not_given_up(after: Any) -> None:
    front, transport = websocket(stall_timeout=0.01)
    after(front)
    await asyncio.sleep(0.05)
    assert not transport.aborted.is_set()


async def test_a_websocket_waits_for_ever_where_that_is_the_setting() -> None:
    _, transport = websocket(stall_timeout=0)
    await asyncio.sleep(0.05)
    assert not transport.aborted.is_set()
