"""What a rate limit's decision costs here, and where Redis is asked at each request, measured in one run.

    python -m bench.rate_limits [--rounds 5] [--decisions 10000] [--write]

Ours and the peers (bench/rate_limits_parts) are processes on one core, Valkey is on another; they take turns, and the
table shows medians of the rounds. With --write it goes to docs/benchmarks/rate-limits.md. The peers come from PyPI into
build/bench-venv.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.gateway_parts import machine, peers
from bench.gateway_parts.processes import running
from bench.rate_limits_parts.measure import Cell
from launcher.binaries import places
from services.kit.testing import free_port

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "bench" / "rate_limits_parts" / "page.md"
TABLE = ROOT / "docs" / "benchmarks" / "rate-limits.md"
GOAL = 20.0  # microseconds for a decision
OURS = "CryptoVault: "
LOCAL = slice(1, 4)  # rows that are bare decisions without Redis
DATABASES = 16  # of Valkey; each round begins with one that is empty, for the first sixteen
ASKED = ("redis", "slowapi")  # packages whose versions are told


async def main() -> None:
    """Measure, print, and write the table if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--decisions", type=int, default=10_000)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    peers.install()
    with tempfile.TemporaryDirectory() as folder:
        busy = machine.busy_share()
        cells = await measured(Path(folder), options.rounds, options.decisions)
    page = report(cells, options.rounds, busy)
    print(page)
    if options.write:
        TABLE.write_text(page)


async def measured(folder: Path, rounds: int, decisions: int) -> list[Cell]:
    """Medians of the rounds, in which ours and the peers take turns."""
    port = free_port()
    command = [str(places()["valkey_server"]), "--bind", "127.0.0.1", "--port", str(port), "--save", ""]
    found: list[list[Cell]] = []
    async with running(command, folder / "valkey.log", core=machine.LOAD_CORE) as valkey:
        await valkey.until_listening(port)
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
            url = f"redis://127.0.0.1:{port}/{number % DATABASES}"
            ours = run(sys.executable, "ours", url, decisions)
            found.append([*ours, *run(str(ROOT / peers.PYTHON), "peers", url, decisions // 10)])
    return [middle(same) for same in zip(*found, strict=True)]


def run(python: str, part: str, url: str, decisions: int) -> list[Cell]:
    """One process of one round."""
    module = f"bench.rate_limits_parts.{part}"
    command = ["taskset", "-c", str(machine.SERVER_CORE), python, "-m", module, url, str(decisions)]
    told = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True).stdout
    prefix = OURS if part == "ours" else ""
    return [Cell(**{**cell, "name": prefix + cell["name"]}) for cell in json.loads(told)]


def middle(cells: Sequence[Cell]) -> Cell:
    """The median of every figure."""
    figures = ("asked", "cpu_median", "cpu_p99", "wait_median", "wait_p99", "redis")
    return Cell(cells[0].name, *(statistics.median(getattr(cell, name) for cell in cells) for name in figures))


def report(cells: Sequence[Cell], rounds: int, busy: float) -> str:
    """The page."""
    local = cells[LOCAL]
    worst = max(local, key=lambda cell: cell.cpu_p99)
    return PAGE.read_text().format(
        today=datetime.now(UTC).strftime("%Y-%m-%d"),
        machine=machine.description(),
        versions=", ".join(f"{name} {number}" for name, number in peers.versions().items() if name in ASKED),
        rounds=rounds,
        busy=busy,
        floor=cells[0].cpu_p99,
        rows="\n".join(row(cell) for cell in cells),
        goal=GOAL,
        median=max(cell.cpu_median for cell in local),
        p99=worst.cpu_p99,
        verdict=verdict(worst),
    )


def verdict(cell: Cell) -> str:
    """Whether the goal is reached by the highest row."""
    if cell.cpu_median > GOAL:
        return "missed"
    return "reached" if cell.cpu_p99 <= GOAL else "reached by the medians, missed by a p99"


def row(cell: Cell) -> str:
    """One line of the table."""
    figures = (cell.cpu_median, cell.cpu_p99, cell.wait_median, cell.wait_p99, cell.redis)
    return f"| {cell.name} | {cell.asked:.1%} | " + " | ".join(f"{figure:,.1f}" for figure in figures) + " |"


if __name__ == "__main__":
    asyncio.run(main())
