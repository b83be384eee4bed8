"""What the nodes under measurement need around them: NATS, the services they ask, and a feed of prices."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
from cryptovault.auth.v1 import auth_service_pb2_grpc as auth_grpc
from cryptovault.events.v1.events_pb2 import Tick
from cryptovault.prices.v1 import prices_service_pb2 as prices_pb
from cryptovault.prices.v1 import prices_service_pb2_grpc as prices_grpc
from cryptovault.prices.v1.price_pb2 import Price

from bench.gateway_parts.processes import running
from bench.gateway_parts.upstream import Auth
from launcher.binaries import places
from services.kit.bus import Bus

TURN = 0.005  # seconds between two handfuls of a steady feed


class Prices(prices_grpc.PricesServiceServicer):
    """Knows nothing before the first tick."""

    async def ListSymbols(self, request: Any, context: Any) -> prices_pb.ListSymbolsResponse:
        """None: then any may exist."""
        return prices_pb.ListSymbolsResponse()

    async def ListPrices(self, request: Any, context: Any) -> prices_pb.ListPricesResponse:
        """None."""
        return prices_pb.ListPricesResponse()


@asynccontextmanager
async def neighbours(first_port: int, folder: Path) -> AsyncIterator[tuple[Bus, dict[str, str]]]:
    """NATS, auth and prices; gives a bus and the settings by which a node finds them."""
    nats, grpc_port = first_port, first_port + 1
    server = grpc.aio.server()
    auth_grpc.add_AuthServiceServicer_to_server(Auth(), server)
    prices_grpc.add_PricesServiceServicer_to_server(Prices(), server)
    server.add_insecure_port(f"127.0.0.1:{grpc_port}")
    await server.start()
    command = [str(places()["nats_server"]), "-a", "127.0.0.1", "-p", str(nats), "-js", "-sd", str(folder / "nats")]
    url, address = f"nats://127.0.0.1:{nats}", f"127.0.0.1:{grpc_port}"
    async with AsyncExitStack() as stack:
        stack.push_async_callback(server.stop, None)
        await (await stack.enter_async_context(running(command, folder / "nats.log"))).until_listening(nats)
        bus = await stack.enter_async_context(Bus.open(url, "bench"))
        await _connected(bus)
        yield bus, {"CV_NATS_URL": url, "CV_AUTH_ADDRESS": address, "CV_PRICES_ADDRESS": address}


async def _connected(bus: Bus) -> None:
    there = asyncio.Event()

    async def note() -> None:
        there.set()

    bus.on_connect(note)
    if not bus.connected:
        await there.wait()


async def rounds(bus: Bus, symbols: int, hertz: float) -> None:
    """A price of each symbol, all together, so many times a second."""
    loop = asyncio.get_running_loop()
    due, sequence = loop.time(), 0
    while True:
        sequence += 1
        for number in range(symbols):
            await publish(bus, number, sequence)
        due = max(due + 1 / hertz, loop.time() - 1)
        await asyncio.sleep(max(0.0, due - loop.time()))


async def steady(bus: Bus, symbols: int, per_second: float) -> None:
    """So many prices a second, of one symbol after the other."""
    loop = asyncio.get_running_loop()
    began, sequence = loop.time(), 0
    while True:
        await asyncio.sleep(TURN)
        while sequence < (loop.time() - began) * per_second:
            sequence += 1
            await publish(bus, sequence % symbols, sequence)


async def publish(bus: Bus, number: int, sequence: int) -> None:
    """A new price."""
    made = Price(symbol=f"S{number:03d}-USD", price="61234.50", bid="61234.00", ask="61235.00", change_24h="1.52")
    made.quality, made.seq = Price.GOOD, sequence
    made.event_time.GetCurrentTime()
    made.published_at.CopyFrom(made.event_time)
    await bus.publish(f"cv.tick.{made.symbol}", Tick(price=made))
