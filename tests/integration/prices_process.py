"""The prices service and the simulator as processes, and how tests talk to them."""

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import grpc
from cryptovault.prices.v1 import prices_service_pb2 as rpc
from cryptovault.prices.v1.price_pb2 import Price
from cryptovault.prices.v1.prices_service_pb2_grpc import PricesServiceStub

from services.kit.testing import free_port

ROOT = Path(__file__).parents[2]
RECORDINGS = Path(os.environ.get("CV_RECORDINGS", ROOT.parent / "shared" / "recordings"))
VENUES = ("binance", "coinbase", "kraken")
PATIENCE = 20.0  # seconds


@contextmanager
def process(module: str, environ: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a module with nothing but its own settings, until the block ends."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CV_")}
    running = subprocess.Popen([sys.executable, "-m", module], cwd=ROOT, env=kept | environ)
    try:
        yield running
    finally:
        running.terminate()
        running.wait(20)


@contextmanager
def simulator(**settings: str) -> Iterator[str]:
    """The simulator's address."""
    port = free_port()
    with process("simulator", {"CV_SIMULATOR_PORT": str(port), "CV_LOG_LEVEL": "warning"} | settings):
        address = f"http://127.0.0.1:{port}"
        wait_until(lambda: urllib.request.urlopen(address, timeout=1).status == 200)
        yield address


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError("it did not happen in time")


async def eventually(question: Callable[[], Awaitable[Any]], limit: float = PATIENCE) -> Any:
    """Ask until the answer is true; an error of the service counts as "not yet"."""
    deadline = time.monotonic() + limit
    answer: object = None
    while time.monotonic() < deadline:
        try:
            if answer := await question():
                return answer
        except (grpc.aio.AioRpcError, AssertionError, OSError) as error:
            answer = error
        await asyncio.sleep(0.1)
    raise AssertionError(f"not within {limit} s; last: {answer!r}")


def tell(address: str, venue: str, fault: str, **more: float) -> None:
    """Switch a fault of the simulator."""
    body = json.dumps({"venue": venue, "fault": fault, **more}).encode()
    order = urllib.request.Request(f"{address}/control", body, {"Content-Type": "application/json"})
    assert urllib.request.urlopen(order, timeout=2).status == 200


def environment(address: str, port: int, valkey_url: str, nats_url: str, database_url: str) -> dict[str, str]:
    venues = {f"CV_PRICES_{venue.upper()}_URL": f"{address.replace('http', 'ws')}/{venue}" for venue in VENUES}
    rest = {f"CV_PRICES_{venue.upper()}_REST_URL": f"{address}/{venue}" for venue in VENUES}
    return {
        **venues,
        **rest,
        "CV_PRICES_PORT": str(port),
        "CV_PRICES_SIMULATED": "true",
        "CV_REDIS_URL": valkey_url,
        "CV_NATS_URL": nats_url,
        "CV_DATABASE_URL": database_url,
        "CV_DRAIN_SECONDS": "1",
        "CV_LOG_FORMAT": "text",
    }


@asynccontextmanager
async def client(port: int) -> AsyncIterator[PricesServiceStub]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield PricesServiceStub(channel)


async def good_price(stub: PricesServiceStub, symbol: str = "BTC-USD") -> Price | None:
    """The price of a symbol, once all three venues agree on it."""
    price = (await stub.GetPrice(rpc.GetPriceRequest(symbol=symbol))).price
    return price if price.quality == Price.GOOD and len(price.sources) == 3 else None
