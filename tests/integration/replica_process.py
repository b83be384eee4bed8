"""One replica of prices as a process: python -m tests.integration.replica_process PORT [well|slow|failing]

Its answers carry the port as their `seq`. It answers at once, after `SLOW` seconds, or that it cannot.
"""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

from cryptovault.prices.v1 import prices_service_pb2 as prices_pb
from cryptovault.prices.v1 import prices_service_pb2_grpc as prices_grpc

from services.kit.errors import Unavailable
from services.kit.health import Health
from services.kit.rpc import RpcServer

ROOT = Path(__file__).parents[2]
SLOW = 1.4  # seconds


class Prices(prices_grpc.PricesServiceServicer):
    """One price."""

    def __init__(self, port: int, mode: str) -> None:
        self._port = port
        self._mode = mode

    async def ListPrices(self, request: Any, context: Any) -> Any:
        if self._mode == "slow":
            await asyncio.sleep(SLOW)
        if self._mode == "failing":
            raise Unavailable("PostgreSQL is away")
        answer = prices_pb.ListPricesResponse()
        answer.prices.add(symbol="BTC-USD", seq=self._port)
        return answer


async def main(port: int, mode: str) -> None:
    """Serve until killed."""
    health = Health()
    health.mark_started()
    register = prices_grpc.add_PricesServiceServicer_to_server
    server = RpcServer(port, register=[(register, Prices(port, mode))], service_names=[], health=health)
    await server.start()
    await asyncio.Event().wait()


def start(port: int, mode: str = "well") -> subprocess.Popen[bytes]:
    """A replica as a process of its own."""
    return subprocess.Popen([sys.executable, "-m", __name__, str(port), mode], cwd=ROOT)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
