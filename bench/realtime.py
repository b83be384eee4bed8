"""What realtime reaches, line by line of its goal, beside python-socketio and Node. Writes docs/benchmarks/realtime.md.

make bench-realtime ARGS="[fanout] [scale] [idle] [ticks] [storm] [nodes] [slow] [--seconds 5]"

The clients are one compiled process, so that they are not what is measured. Each part keeps its last results; the page
is written from all of them. Needs gcc, Node and npm.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.gateway_parts import machine
from bench.realtime_parts.build import build
from bench.realtime_parts.measure import Place
from bench.realtime_parts.report import page
from bench.realtime_parts.scenarios import PARTS, Rows

FOLDER = Path("build") / "bench-realtime"
RESULTS = FOLDER / "results.json"
PAGE = Path("docs") / "benchmarks" / "realtime.md"


def main(arguments: Sequence[str]) -> int:
    """Run, print and write; return the exit code."""
    options = _options(arguments)
    FOLDER.mkdir(parents=True, exist_ok=True)
    build()
    for part in options.parts or PARTS:
        print(part, flush=True)
        busy = machine.busy_share(1.0)
        found = asyncio.run(_run(part, options))
        results: dict[str, Rows] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        date = datetime.now(UTC).date().isoformat()
        results[part] = {"date": date, "machine": machine.description(), "busy": busy, **found}
        RESULTS.write_text(json.dumps(results, indent=1))
        PAGE.write_text(page(results))
    print(PAGE.read_text())
    return 0


async def _run(part: str, options: argparse.Namespace) -> Rows:
    return await PARTS[part](Place(options.first_port, FOLDER), options.seconds)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure what realtime reaches.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all when none is named")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--first-port", type=int, default=22000, help="the first of forty ports to use")
    options = parser.parse_args(arguments)
    unknown = [part for part in options.parts if part not in PARTS]
    if unknown:
        parser.error(f"there is no part {unknown[0]}; there are: {', '.join(PARTS)}")
    return options


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
