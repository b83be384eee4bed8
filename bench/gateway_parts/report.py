"""The benchmark's page: `page.md` beside this file, with the figures filled in."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.gateway_parts.goals import Goal, goals
from bench.gateway_parts.load import CONNECTIONS, IN_FLIGHT, STREAMS
from bench.gateway_parts.machine import BUSY
from bench.gateway_parts.measure import CHANGE_EVERY, CODINGS, PAIRS, PER_SECOND, PROTOCOLS, Cell, Figures, Pace, Ratio
from bench.gateway_parts.subjects import Subject

PAGE = Path(__file__).with_name("page.md")
WARNING = """\
**These figures are preliminary**: other programs used up to {busy:.0%} of the machine's cores during this run. Requests
a second and latencies are worse than on an idle machine, and vary between rows. CPU time suffers less: compare by it.

"""


@dataclass(frozen=True, kw_only=True)
class Run:
    """All that there is to tell of a run."""

    date: str
    machine: str
    versions: Mapping[str, str]
    load_average: str  # before it
    busy: Sequence[float]  # share of all cores that others used, before each repetition
    pace: Pace
    subjects: Sequence[Subject]
    results: Mapping[Cell, Figures]
    ratios: Mapping[str, Ratio]
    uncached: Figures | None
    body: int  # bytes of the answer without coding
    remarks: Sequence[str]  # on what is missing


def page(run: Run) -> str:
    """The page, as Markdown."""
    busiest = max(run.busy)
    return PAGE.read_text().format(
        date=run.date,
        warning=WARNING.format(busy=busiest) if busiest > BUSY else "",
        goals="\n".join(_goals(run)),
        figures=figures(run),
        body=run.body,
        warm_up=run.pace.warm_up,
        measured=run.pace.measured,
        repetitions=run.pace.repetitions,
        connections=CONNECTIONS,
        streams=STREAMS,
        in_flight=IN_FLIGHT,
        pairs=PAIRS - 1,
        subjects="\n".join(_subjects(run)),
        per_second=PER_SECOND,
        machine=run.machine,
        load_average=run.load_average,
        busy=", ".join(f"{share:.0%}" for share in run.busy),
        versions=", ".join(f"{name} {version}" for name, version in run.versions.items()),
    )


def figures(run: Run) -> str:
    """The tables, and what is missing in them."""
    sections = [_section(run, protocol, coding) for protocol in PROTOCOLS for coding in CODINGS]
    lines = [line for section in sections for line in section]
    remarks = [f"* {remark}" for remark in run.remarks]
    return "\n".join([*lines, *_uncached(run), *remarks]).strip()


def _goals(run: Run) -> Iterator[str]:
    yield "| goal | wanted | measured | by CPU time | |"
    yield "|---|--:|--:|--:|---|"
    for goal in goals(run.results, run.ratios, run.uncached):
        yield f"| {goal.text} | {goal.wanted} | {goal.measured} | {goal.by_cpu} | {_verdict(goal)} |"


def _verdict(goal: Goal) -> str:
    if goal.reached:
        return "reached"
    return "by CPU time only" if goal.reached_by_cpu else "**not reached**"


def _section(run: Run, protocol: str, coding: str) -> Iterator[str]:
    cells = [Cell(subject.name, protocol, coding) for subject in run.subjects]
    measured = sorted((cell for cell in cells if cell in run.results), key=lambda cell: run.results[cell].cpu)
    if not measured:
        return
    yield f"### {protocol}, {coding}\n"
    yield "| server | req/s | p50 ms | p99 ms | CPU µs a request | body, bytes | failed |"
    yield "|---|--:|--:|--:|--:|--:|--:|"
    yield from (_row(cell.subject, run.results[cell]) for cell in measured)
    yield ""


def _row(name: str, found: Figures) -> str:
    load, shown = found.load, f"**{name}**" if name.startswith("CryptoVault") else name
    latencies = f"{load.percentiles[50]:.2f} | {load.percentiles[99]:.2f}"
    return f"| {shown} | {load.rate:,.0f} | {latencies} | {found.cpu:.1f} | {found.size:,} | {load.failed} |"


def _uncached(run: Run) -> Iterator[str]:
    if run.uncached is None:
        return
    load = run.uncached.load
    latencies = ", ".join(f"p{share} {value:.1f} ms" for share, value in load.percentiles.items())
    yield f"### Uncached, through gRPC, {PER_SECOND} requests a second\n"
    yield f"{latencies}; {run.uncached.cpu:.0f} µs of the gateway's CPU time for a request;"
    yield f"{load.failed} of {load.answers + load.failed:,} failed. Each asks for another 47 of the 50 prices,"
    yield f"all of which change every {CHANGE_EVERY:g} s.\n"


def _subjects(run: Run) -> Iterator[str]:
    yield "| server | what it does for an answer |"
    yield "|---|---|"
    yield from (f"| {subject.name} | {subject.does} |" for subject in run.subjects)
