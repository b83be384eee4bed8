"""Half an hour of everything that clients do, and what it leaves behind in memory."""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import median

import psutil

from bench.endurance_parts.clients import Http1Client, Http2Client, Tally

SAMPLE_SECONDS = 5.0
WARM_UP_SHARE = 0.2  # of the time, in which allocators settle
CANCELLED = 0.05
SETS = 1500  # of symbols that are asked for; fewer than answers are kept, so that all of them are kept from the start
HTTP1_SHARE = 0.2
CROWD = 32  # that ask at a time at first
BURSTS, BURST = 5, 1000  # requests at once

Series = Sequence[tuple[float, float]]  # seconds, MiB


@dataclass(frozen=True)
class Soaked:
    """What a soak has found."""

    seconds: float
    rate: float  # requests a second, as they were sent
    tally: Tally
    resident: Series
    in_use: Series

    def growth(self, series: Series) -> float:
        """MiB an hour, by the median of all slopes (Theil and Sen), after the warm-up."""
        settled = [sample for sample in series if sample[0] >= WARM_UP_SHARE * self.seconds]
        slopes = [(later[1] - sooner[1]) / (later[0] - sooner[0]) for sooner, later in combinations(settled, 2)]
        return 3600 * median(slopes)


class Soak:
    """Drives a gateway."""

    def __init__(
        self, port: int, pid: int, told: Path, headers: dict[str, str], symbols: Sequence[str], rate: int
    ) -> None:
        self._port = port
        self._process = psutil.Process(pid)
        self._told = told  # by `observed`
        self._headers = headers
        self._rate = rate
        self._random = random.Random(7)
        sets = list(combinations(symbols, 3))
        self._paths = ["/api/prices?symbols=" + ",".join(one) for one in self._random.sample(sets, SETS)]
        self._tally = Tally()
        self._sent = 0

    async def run(self, seconds: float) -> Soaked:
        """Send at the rate for so long, once all that is kept is there: answers, and memory for as many at once."""
        for kind in (Http2Client, Http1Client):
            await self._ask_all(kind)
        for _ in range(BURSTS):
            await self._burst()
        self._tally, self._sent = Tally(), 0
        loop = asyncio.get_running_loop()
        began, beginning = loop.time(), time.time()
        drivers = [
            asyncio.create_task(self._drive(Http2Client, self._rate * (1 - HTTP1_SHARE) / 4, began + seconds))
            for _ in range(4)
        ]
        drivers += [
            asyncio.create_task(self._drive(Http1Client, self._rate * HTTP1_SHARE / 16, began + seconds))
            for _ in range(16)
        ]
        samples = [(0.0, self._memory())]
        while loop.time() - began < seconds:
            await asyncio.sleep(SAMPLE_SECONDS)
            samples.append((loop.time() - began, self._memory()))
            if len(samples) % 12 == 0:
                print(f"  {samples[-1][0]:6.0f} s  {samples[-1][1]:7.1f} MiB  {self._sent:9,} requests", flush=True)
        await asyncio.gather(*drivers)
        spent = loop.time() - began
        lines = [line.split() for line in self._told.read_text().splitlines()]
        in_use = [(float(at) - beginning, float(size)) for at, size in lines]
        return Soaked(spent, self._sent / spent, self._tally, samples, [one for one in in_use if one[0] >= 0])

    async def _ask_all(self, kind: type[Http2Client] | type[Http1Client]) -> None:
        """By chance the last question would first be asked after ten minutes, and until then memory would grow."""
        await asyncio.gather(*(self._ask(kind, self._paths[first::CROWD]) for first in range(CROWD)))

    async def _burst(self) -> None:
        """As after a second in which the machine did something else: the memory that so many take stays resident."""
        clients = [Http2Client(self._port, self._headers) for _ in range(10)]
        await asyncio.gather(*(client.connect() for client in clients))
        await asyncio.gather(*(self._one(clients[number % len(clients)]) for number in range(BURST)))
        await asyncio.gather(*(client.close() for client in clients))

    async def _ask(self, kind: type[Http2Client] | type[Http1Client], paths: Sequence[str]) -> None:
        client = kind(self._port, self._headers)
        await client.connect()
        for path in paths:
            await client.request("GET", path)
        await client.close()

    async def _drive(self, kind: type[Http2Client] | type[Http1Client], rate: float, until: float) -> None:
        loop = asyncio.get_running_loop()
        client = kind(self._port, self._headers)
        await client.connect()
        due = loop.time()
        while due < until:
            due += self._random.expovariate(rate)
            await asyncio.sleep(max(0.0, due - loop.time()))
            if client.closing:
                await client.close()
                client = kind(self._port, self._headers)
                await client.connect()
            request = self._one(client)
            if kind is Http1Client:
                await request
            else:
                asyncio.create_task(request)  # noqa: RUF006 - the connection holds its future
        await asyncio.sleep(1.0)
        await client.close()

    async def _one(self, client: Http2Client | Http1Client) -> None:
        self._sent += 1
        draw = self._random.random()
        if draw < CANCELLED:
            patience = self._random.uniform(0.0005, 0.006)
            await self._tally.count(client, "GET", self._random.choice(self._paths), leave_after=patience)
        elif draw < 0.30:
            await self._tally.count(client, "GET", self._random.choice(self._paths))
        elif draw < 0.34:
            await self._tally.count(client, "GET", "/nothing/here")
        elif draw < 0.38:
            await self._tally.count(client, "GET", "/api/prices?what=ever")
        elif draw < 0.40:
            await self._tally.count(client, "POST", "/api/auth/login", b'{"email": "a@b.cd", "password": "x"}')
        elif draw < 0.42:
            await self._tally.count(client, "POST", "/api/auth/login", b'{"email": ')
        else:
            await self._tally.count(client, "GET", "/api/prices")

    def _memory(self) -> float:
        return float(self._process.memory_info().rss) / 2**20
