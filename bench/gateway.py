"""The gateway beside its peers, in one run on one machine: `make bench-gateway`. Writes docs/benchmarks/gateway.md.

    python -m bench.gateway [--quick] [--first-port PORT]

Needs h2load and taskset. Without wrk there is no HTTP/1.1, without nginx no nginx, without a package index no peers.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.gateway_parts import machine, peers
from bench.gateway_parts.chart import Bar, chart
from bench.gateway_parts.goals import AGAINST, by_cpu
from bench.gateway_parts.measure import Bench, Pace, middle
from bench.gateway_parts.processes import NotServing
from bench.gateway_parts.report import Run, figures, page
from bench.gateway_parts.subjects import (
    ENGINES,
    Ports,
    Subject,
    bare_engines,
    gateways,
    nginx,
    python_peers,
    without_repeats,
)
from bench.gateway_parts.surroundings import surroundings

FOLDER = Path("build") / "bench"
PAGES = Path("docs") / "benchmarks"
FULL = Pace(warm_up=1.0, measured=5.0, repetitions=3)
QUICK = Pace(warm_up=0.5, measured=2.0, repetitions=2)


def main(arguments: Sequence[str]) -> int:
    """Measure, print and write; return the exit code."""
    options = _options(arguments)
    needed = [machine.missing(tool) for tool in ("h2load", "taskset") if not machine.has(tool)]
    if needed:
        print("; ".join(needed))
        return 1
    FOLDER.mkdir(parents=True, exist_ok=True)
    PAGES.mkdir(parents=True, exist_ok=True)
    try:
        run = asyncio.run(measure(QUICK if options.quick else FULL, Ports.beginning(options.first_port)))
    except NotServing as error:
        print(f"the gateway itself cannot be measured: {error}")
        return 1
    print(figures(run))
    (PAGES / "gateway.md").write_text(page(run))
    (PAGES / "gateway.svg").write_text(picture(run))
    print(f"written: {PAGES / 'gateway.md'}")
    return 0


async def measure(pace: Pace, ports: Ports) -> Run:
    """The whole run."""
    subjects, remarks = _subjects(ports)
    load_average = " ".join(f"{load:.2f}" for load in os.getloadavg())
    print(f"load average: {load_average}", flush=True)
    bench, busy = Bench(pace, FOLDER), list[float]()
    machine.pin_to_load_core()
    async with surroundings(ports, FOLDER) as prices:
        await bench.learn_answer(subjects[0])
        for repetition in range(pace.repetitions):
            busy.append(await asyncio.to_thread(machine.busy_share))
            for subject in subjects:
                print(f"{subject.name} ({repetition + 1} of {pace.repetitions})", flush=True)
                await bench.measure(subject)
            await bench.measure_uncached(subjects[0], prices, first=repetition * 5000)
        for peer in _compared(ports, subjects):
            print(f"{subjects[0].name} and {peer.name} in turns", flush=True)
            await bench.compare(subjects[0], peer)
    return Run(
        date=datetime.now(UTC).date().isoformat(),
        machine=machine.description(),
        versions=machine.versions() | _peer_versions(subjects),
        load_average=load_average,
        busy=busy,
        pace=pace,
        subjects=subjects,
        results=bench.results(),
        ratios=bench.ratios,
        uncached=middle(bench.uncached),
        body=(FOLDER / "prices.json").stat().st_size,
        remarks=[
            *remarks,
            *(f"{name} could not be measured in every repetition: {why}" for name, why in bench.problems.items()),
        ],
    )


def picture(run: Run) -> str:
    """The chart of the page."""
    best: dict[str, float] = {}
    for cell, found in run.results.items():
        if cell.coding == "gzip":
            label = f"{cell.subject}, {cell.protocol}"
            best[label] = by_cpu(found)
    bars = [Bar(label, value, label.startswith("CryptoVault")) for label, value in best.items()]
    return chart("50 prices, gzip: answers for a second of CPU time", bars)


def _subjects(ports: Ports) -> tuple[list[Subject], list[str]]:
    """What can be measured here, the gateway first; and what is left out, with the reason."""
    ours = gateways(ports, ENGINES)
    subjects = [*ours, without_repeats(ours[0]), *bare_engines(ports, ENGINES)]
    remarks = [] if machine.has("wrk") else [f"HTTP/1.1 is left out: {machine.missing('wrk')}"]
    try:
        peers.install()
        subjects += python_peers(ports, FOLDER, f"redis://127.0.0.1:{ports.valkey}/1")
    except peers.NotInstalled as error:
        remarks.append(f"granian, Hypercorn + Starlette and FastAPI are left out: {error}")
    if machine.has("nginx"):
        subjects.append(nginx(ports, FOLDER))
    else:
        remarks.append(f"nginx is left out: {machine.missing('nginx')}")
    return subjects, remarks


def _compared(ports: Ports, subjects: Sequence[Subject]) -> list[Subject]:
    """Those with which the gateway is measured in turns."""
    measured = {subject.name for subject in subjects}
    peers_beside = python_peers(ports.second, FOLDER, f"redis://127.0.0.1:{ports.valkey}/1")
    return [
        peer
        for peer in (*bare_engines(ports.second, ENGINES), *peers_beside)
        if peer.name in AGAINST and peer.name in measured
    ]


def _peer_versions(subjects: Sequence[Subject]) -> dict[str, str]:
    return peers.versions() if any(subject.name.startswith("granian") for subject in subjects) else {}


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the gateway beside its peers.")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs")
    parser.add_argument("--first-port", type=int, default=18000, help="the first of six ports to use")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
