"""One server after another: started alone, asked whether it answers right, driven, and ended."""

import gzip
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx

from bench.gateway_parts import load, machine
from bench.gateway_parts.load import Load
from bench.gateway_parts.processes import NotServing, Running, running
from bench.gateway_parts.subjects import Subject
from bench.gateway_parts.upstream import Prices, access_token, distinct_queries

PROTOCOLS = ("HTTP/2", "HTTP/1.1")
CODINGS = ("gzip", "identity")
PER_SECOND = 500  # uncached reads
CHANGE_EVERY = 0.1  # seconds; prices, meanwhile
PAIRS = 16  # of measurements, when two servers are compared
GLANCE = 1.0  # seconds each takes


@dataclass(frozen=True)
class Pace:
    """How long is measured."""

    warm_up: float  # seconds
    measured: float  # seconds
    repetitions: int


@dataclass(frozen=True)
class Cell:
    """What is measured of a server."""

    subject: str
    protocol: str
    coding: str


@dataclass(frozen=True)
class Figures:
    """What was measured in a cell."""

    load: Load
    cpu: float  # microseconds of the server's CPU time for an answer
    size: int  # bytes of the body as sent


@dataclass(frozen=True)
class Ratio:
    """How many times as many answers one server gives as another: medians over pairs of measurements."""

    rate: float
    cpu: float  # answers for the same CPU time


class Bench:
    """Measures servers, and keeps what it has found."""

    def __init__(self, pace: Pace, folder: Path) -> None:
        self.pace = pace
        self.folder = folder
        self.uncached: list[Figures] = []
        self.ratios: dict[str, Ratio] = {}  # of the gateway to a peer, by the peer
        self.problems: dict[str, str] = {}  # by server: why it could not be measured
        self._found: dict[Cell, list[Figures]] = defaultdict(list)
        self._headers = {"authorization": f"Bearer {access_token()}"}

    def results(self) -> dict[Cell, Figures]:
        """The medians over all repetitions."""
        return {cell: middle(figures) for cell, figures in self._found.items()}

    async def learn_answer(self, subject: Subject) -> None:
        """Keep the gateway's own answer, which all others have to give. Raises NotServing."""
        async with self._serving(subject), _client("HTTP/1.1") as client:
            answer = await client.get(_url(subject, "HTTP/1.1"), headers=self._headers)
        if answer.status_code != 200 or len(answer.json()["prices"]) != 50:
            raise NotServing(f"the gateway answered {answer.status_code}: {answer.text[:200]}")
        self._answer_file.write_bytes(answer.content)
        self._answer_file.with_suffix(".json.gz").write_bytes(gzip.compress(answer.content, 6))

    async def measure(self, subject: Subject) -> None:
        """Measure every cell of a server once."""
        try:
            async with self._serving(subject) as server:
                for cell in cells(subject):
                    self._found[cell].append(await self._measure_cell(subject, server, cell))
        except (NotServing, load.LoadFailed, httpx.HTTPError) as error:
            self.problems[subject.name] = str(error) or type(error).__name__
            print(f"  {self.problems[subject.name]}", flush=True)

    async def compare(self, ours: Subject, peer: Subject) -> None:
        """Measure two servers second by second in turns: so it does not matter when the machine is slow."""
        try:
            async with self._serving(ours) as first, self._serving(peer) as second:
                pairs = [(await self._glance(ours, first), await self._glance(peer, second)) for _ in range(PAIRS)]
        except (NotServing, load.LoadFailed) as error:
            self.problems[f"{ours.name} and {peer.name} in turns"] = str(error)
            return
        del pairs[0]  # which was to warm up
        self.ratios[peer.name] = Ratio(
            median(mine.load.rate / other.load.rate for mine, other in pairs),
            median(other.cpu / mine.cpu for mine, other in pairs),
        )

    async def _glance(self, subject: Subject, server: Running) -> Figures:
        protocol = "HTTP/1.1" if subject.http2 is None else "HTTP/2"
        return await self._timed(subject, server, Cell(subject.name, protocol, "gzip"), GLANCE)

    async def measure_uncached(self, subject: Subject, prices: Prices, first: int) -> None:
        """Measure reads that no cache can answer, at a fixed rate. Raises NotServing if one did not reach gRPC."""
        count = int(PER_SECOND * self.pace.measured)
        queries = distinct_queries(first, count)
        headers = {**self._headers, "accept-encoding": "gzip"}
        async with self._serving(subject) as server:
            base = f"http://127.0.0.1:{subject.http2}"
            await load.h2load(base + subject.path, headers, self.pace.warm_up, self._log)
            calls, cpu = prices.calls, server.cpu_seconds()
            with prices.changing(CHANGE_EVERY):
                found = await load.h2load_steadily(base, queries, headers, PER_SECOND, self._log)
            used = server.cpu_seconds() - cpu
        if prices.calls - calls < count - found.failed:
            raise NotServing(f"{count} uncached reads caused {prices.calls - calls} calls only")
        self.uncached.append(Figures(found, 1e6 * used / count, 0))

    async def _measure_cell(self, subject: Subject, server: Running, cell: Cell) -> Figures:
        size = await self._check(subject, cell)
        await self._drive(subject, cell, self.pace.warm_up)
        found = await self._timed(subject, server, cell, self.pace.measured, size)
        print(f"  {cell.protocol:8} {cell.coding:8} {found.load.rate:10,.0f} req/s", flush=True)
        return found

    async def _timed(self, subject: Subject, server: Running, cell: Cell, seconds: float, size: int = 0) -> Figures:
        before = server.cpu_seconds()
        found = await self._drive(subject, cell, seconds)
        return Figures(found, 1e6 * (server.cpu_seconds() - before) / max(1, found.answers), size)

    async def _drive(self, subject: Subject, cell: Cell, seconds: float) -> Load:
        headers = {**self._headers, **subject.headers, "accept-encoding": cell.coding}
        url = _url(subject, cell.protocol)
        if cell.protocol == "HTTP/2":
            return await load.h2load(url, headers, seconds, self._log)
        return await load.wrk(url, headers, seconds)

    async def _check(self, subject: Subject, cell: Cell) -> int:
        """Make sure that the answer is the right one, in the right coding; return the body's size as sent."""
        headers = {**self._headers, **subject.headers, "accept-encoding": cell.coding}
        async with _client(cell.protocol) as client:
            answer = await client.get(_url(subject, cell.protocol), headers=headers)
        if answer.status_code != 200 or answer.json() != httpx.Response(200, content=self._answer).json():
            raise NotServing(f"it answered {answer.status_code}: {answer.text[:200]}")
        if answer.headers.get("content-encoding", "identity") != cell.coding:
            raise NotServing(f"asked for {cell.coding}, it sent {answer.headers.get('content-encoding')}")
        if subject.signed_in and not answer.headers["ratelimit-policy"].startswith('"user"'):
            raise NotServing("it did not recognise the token")
        return answer.num_bytes_downloaded

    @asynccontextmanager
    async def _serving(self, subject: Subject) -> AsyncIterator[Running]:
        env = {**subject.env, "BENCH_ANSWER": str(self._answer_file)}
        log = self.folder / f"server-{subject.http1}.log"
        async with running(subject.command, log, env=env, core=machine.SERVER_CORE) as server:
            await server.until_listening(subject.http1)
            yield server

    @property
    def _answer(self) -> bytes:
        return self._answer_file.read_bytes()

    @property
    def _answer_file(self) -> Path:
        return self.folder / "prices.json"

    @property
    def _log(self) -> Path:
        return self.folder / "h2load.log"


def cells(subject: Subject) -> list[Cell]:
    """What can be measured of a server, with what is installed."""
    possible = {"HTTP/2": subject.http2 is not None, "HTTP/1.1": machine.has("wrk")}
    return [Cell(subject.name, protocol, coding) for protocol in PROTOCOLS if possible[protocol] for coding in CODINGS]


def middle(figures: Sequence[Figures]) -> Figures:
    """The medians."""
    found = load.middle([entry.load for entry in figures])
    return Figures(found, median(entry.cpu for entry in figures), figures[-1].size)


def _url(subject: Subject, protocol: str) -> str:
    port = subject.http2 if protocol == "HTTP/2" else subject.http1
    return f"http://127.0.0.1:{port}{subject.path}"


def _client(protocol: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(http1=protocol == "HTTP/1.1", http2=protocol == "HTTP/2", trust_env=False, timeout=10)
