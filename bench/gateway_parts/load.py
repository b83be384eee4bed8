"""The load generators, and what they say: h2load for HTTP/2 without TLS, wrk for HTTP/1.1."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

CONNECTIONS = 8
STREAMS = 8  # of each HTTP/2 connection
IN_FLIGHT = CONNECTIONS * STREAMS  # requests at any time, in both protocols

UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}  # in milliseconds


@dataclass(frozen=True)
class Load:
    """What one run of a load generator found."""

    rate: float  # answers a second
    answers: int
    failed: int
    percentiles: Mapping[int, float]  # of the time until the end of an answer, in milliseconds


class LoadFailed(Exception):
    """A load generator could not do its work; the text is what it said."""


async def h2load(url: str, headers: Mapping[str, str], seconds: float, log: Path) -> Load:
    """Drive HTTP/2 as hard as it goes."""
    load = ["-t1", f"-c{CONNECTIONS}", f"-m{STREAMS}", "-D", f"{round(1000 * seconds)}ms"]
    return await _h2load([*load, *_options(headers), url], log)


async def h2load_steadily(
    base: str, paths: Sequence[str], headers: Mapping[str, str], per_second: int, log: Path
) -> Load:
    """Ask for every path once over HTTP/2, at a fixed rate, whether answers come or not."""
    uris = log.with_suffix(".uris")
    uris.write_text("\n".join(paths) + "\n")
    load = ["-t1", "-c1", f"-m{IN_FLIGHT}", f"-n{len(paths)}", f"--rps={per_second}", "-i", str(uris), "-B", base]
    return await _h2load([*load, *_options(headers)], log)


async def _h2load(arguments: Sequence[str], log: Path) -> Load:
    _forget(log)
    said = await _output(["h2load", *arguments, f"--log-file={log}"])
    times = _times(log)
    if len(times) != int(_find(r"(\d+) done", said)):
        raise LoadFailed(f"h2load has logged {len(times)} requests, and says: {said.strip()[-300:]}")
    rate = float(_find(r"finished in [\d.]+\w+, ([\d.]+) req/s", said))
    succeeded, failed, timed_out = (
        int(_find(rf"(\d+) {outcome}", said)) for outcome in ("succeeded", "failed", "timeout")
    )
    return Load(rate, succeeded, failed + timed_out, {share: percentile(times, share) for share in (50, 95, 99)})


async def wrk(url: str, headers: Mapping[str, str], seconds: float) -> Load:
    """Drive HTTP/1.1 as hard as it goes."""
    load = ["-t1", f"-c{IN_FLIGHT}", f"-d{max(1, round(seconds))}s", "--latency"]
    said = await _output(["wrk", *load, *_options(headers), url])
    percentiles = {share: _milliseconds(_find(rf"{share}%\s+([\d.]+\w+)", said)) for share in (50, 99)}
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said)
    failed = (int(bad[1]) if bad else 0) + (sum(map(int, errors.groups())) if errors else 0)
    answers = int(_find(r"(\d+) requests in", said))
    return Load(float(_find(r"Requests/sec:\s+([\d.]+)", said)), answers, failed, percentiles)


def _forget(log: Path) -> None:
    """h2load would add to what an earlier run has logged."""
    log.unlink(missing_ok=True)


def _times(log: Path) -> list[float]:
    """Milliseconds of each request, the shortest first, from h2load's log: start, status, microseconds."""
    return sorted(int(line.split("\t")[2]) / 1000 for line in log.read_text().splitlines())


def percentile(ordered: Sequence[float], share: int) -> float:
    """The value that so many percent of all do not exceed."""
    return ordered[min(len(ordered) - 1, len(ordered) * share // 100)] if ordered else 0.0


def middle(loads: Sequence[Load]) -> Load:
    """The median of each figure; failures are added up."""
    return Load(
        rate=median(load.rate for load in loads),
        answers=sum(load.answers for load in loads),
        failed=sum(load.failed for load in loads),
        percentiles={share: median(load.percentiles[share] for load in loads) for share in loads[0].percentiles},
    )


def _options(headers: Mapping[str, str]) -> list[str]:
    return [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]


async def _output(command: Sequence[str]) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    said = output.decode(errors="replace")
    if process.returncode != 0:
        raise LoadFailed(f"{command[0]} failed: {said.strip()[-300:]}")
    return said


def _find(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise LoadFailed(f"no {pattern!r} in: {text.strip()[-300:]}")
    return found[1]


def _milliseconds(text: str) -> float:
    unit = text.lstrip("0123456789.")
    return float(text.removesuffix(unit)) * UNITS[unit]
