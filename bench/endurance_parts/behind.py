"""All that the gateway needs around it, in a process of its own: the load generator has no time to play it as well.

python -m bench.endurance_parts.behind FIRST_PORT FOLDER SECONDS

Each price is answered after so many seconds. It prints an access token when all is there, and ends when its standard
input does.
"""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.gateway_parts.processes import NotServing
from bench.gateway_parts.subjects import Ports
from bench.gateway_parts.surroundings import surroundings
from bench.gateway_parts.upstream import access_token


@asynccontextmanager
async def behind(ports: Ports, folder: Path, delay: float) -> AsyncIterator[str]:
    """Run it for as long as the block lasts; gives a token for its gateway. Raises NotServing."""
    command = [sys.executable, "-m", __name__, str(ports.first), str(folder), str(delay)]
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        token = (await process.stdout.readline()).decode().strip()
        if not token:
            raise NotServing("what the gateway needs around it did not start")
        yield token
    finally:
        process.stdin.close()
        await process.wait()


async def _serve(ports: Ports, folder: Path, delay: float) -> None:
    async with surroundings(ports, folder) as prices:
        prices.delay = delay
        print(access_token(), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    _, first_port, logs, seconds = sys.argv
    asyncio.run(_serve(Ports.beginning(int(first_port)), Path(logs), float(seconds)))
