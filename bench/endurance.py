"""What the gateway endures: a long soak, SIGTERM under load, and attacks. Writes docs/benchmarks/endurance.md.

make bench ARGS="endurance [soak] [terminations] [attacks] [--minutes 30] [--rate 800] [--count 20] [--seconds 75]"
"""

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from bench.endurance_parts.attacks import ATTACKS, CONNECTIONS, attack
from bench.endurance_parts.behind import behind
from bench.endurance_parts.report import Rows, page, plot
from bench.endurance_parts.soak import SAMPLE_SECONDS, Soak
from bench.endurance_parts.terminations import terminate_under_load
from bench.gateway_parts import machine
from bench.gateway_parts.processes import Running, running
from bench.gateway_parts.subjects import Ports, gateways
from bench.gateway_parts.upstream import SYMBOLS
from services.kit.memory import settle

FOLDER = Path("build") / "bench-endurance"
PAGES = Path("docs") / "benchmarks"
RESULTS = FOLDER / "results.json"  # of the parts that were run last, each at its time
UPSTREAM_DELAY = 0.003  # seconds; long enough to leave in the middle of a call
PARTS = ("soak", "terminations", "attacks")


def main(arguments: Sequence[str]) -> int:
    """Run, print and write; return the exit code."""
    options = _options(arguments)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for part in options.parts or PARTS:
        print(part, flush=True)
        found = asyncio.run(_RUNS[part](options, Ports.beginning(options.first_port)))
        results: dict[str, Rows] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        results[part] = {"date": datetime.now(UTC).date().isoformat(), "machine": machine.description(), **found}
        RESULTS.write_text(json.dumps(results, indent=1))
    (PAGES / "endurance.md").write_text(page(results))
    if "soak" in results:
        (PAGES / "endurance.svg").write_text(plot(results["soak"]))
    print(page(results))
    return 0


async def _soak(options: argparse.Namespace, ports: Ports) -> Rows:
    told = FOLDER / "in_use"
    observed = [sys.executable, "-m", "bench.endurance_parts.observed", str(told), str(SAMPLE_SECONDS)]
    settle()  # the load generator has no time to look through all of its objects
    async with _gateway(ports, observed, UPSTREAM_DELAY) as (server, headers):
        soak = Soak(ports.server, server.pid, told, headers, SYMBOLS, options.rate)
        soaked = await soak.run(60 * options.minutes)
    tally = soaked.tally
    return {
        "minutes": round(soaked.seconds / 60, 1),
        "rate": soaked.rate,
        "statuses": {str(status): count for status, count in sorted(tally.statuses.items())},
        "lost": dict(tally.lost),
        "refused": tally.refused,
        "growth": {"resident": soaked.growth(soaked.resident), "in_use": soaked.growth(soaked.in_use)},
        "resident": list(soaked.resident),
        "in_use": list(soaked.in_use),
    }


async def _terminations(options: argparse.Namespace, ports: Ports) -> Rows:
    rows = []
    for number in range(options.count):
        async with _gateway(ports) as (server, headers):
            found = await terminate_under_load(server, ports.server, headers, server.ended)
        tally = found.tally
        rows.append([tally.answered, tally.refused, tally.lost.total(), found.seconds])
        print(
            f"  {number + 1:2}: {tally.answered:6,} answered, lost {dict(tally.lost)}, {found.seconds:.1f} s",
            flush=True,
        )
    return {"rows": rows}


async def _attacks(options: argparse.Namespace, ports: Ports) -> Rows:
    rows = []
    for name in ATTACKS:
        async with _gateway(ports) as (server, _):
            found = await attack(name, server, ports.server, options.seconds)
        times = sorted(1000 * seconds for seconds in found.tally.times) or [0.0]
        middle, late = times[len(times) // 2], times[min(len(times) - 1, len(times) * 99 // 100)]
        failed = found.tally.lost.total() + found.tally.refused
        rows.append([name, len(times), failed, middle, late, times[-1], found.cpu, found.open_at_the_end])
        print(f"  {rows[-1]}", flush=True)
    return {"rows": rows, "connections": CONNECTIONS}


@asynccontextmanager
async def _gateway(
    ports: Ports, command: Sequence[str] = (), delay: float = 0.0
) -> AsyncIterator[tuple[Running, dict[str, str]]]:
    """The gateway with all that it needs, started by another command if there is one; and what its users send."""
    subject = gateways(ports, ("ngh2",))[0]
    folder = FOLDER / str(ports.server)
    folder.mkdir(exist_ok=True)
    gateway = running(command or subject.command, folder / "server.log", env=subject.env)
    async with behind(ports, folder, delay) as token, gateway as server:
        await server.until_listening(ports.server)
        await asyncio.sleep(1.0)
        yield server, {"authorization": f"Bearer {token}", "accept-encoding": "gzip"}


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure what the gateway endures.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all when none is named")
    parser.add_argument("--minutes", type=float, default=30.0, help="of the soak")
    parser.add_argument("--rate", type=int, default=800, help="requests a second of the soak")
    parser.add_argument("--count", type=int, default=20, help="of the terminations")
    parser.add_argument("--seconds", type=float, default=75.0, help="of each attack")
    parser.add_argument("--first-port", type=int, default=18200, help="the first of six ports to use")
    options = parser.parse_args(arguments)
    unknown = [part for part in options.parts if part not in PARTS]
    if unknown:
        parser.error(f"there is no part {unknown[0]}; there are: {', '.join(PARTS)}")
    return options


_RUNS = {"soak": _soak, "terminations": _terminations, "attacks": _attacks}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
