"""The page and the picture of what was endured."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.gateway_parts.chart import FONT, INK

Rows = dict[str, Any]  # one part's results, as JSON keeps them

WIDTH, HEIGHT, LEFT, BOTTOM = 900, 320, 70, 40
LINE = "#0f766e"


def page(results: Mapping[str, Rows]) -> str:
    """All parts that were run."""
    writers = {"soak": _soak, "terminations": _terminations, "attacks": _attacks}
    parts = ["# What the gateway endures\n\nWritten by `make bench ARGS=endurance`.\n"]
    parts += [writers[name](results[name]) for name in writers if name in results]
    return "\n".join(parts)


def _soak(found: Rows) -> str:
    statuses = ", ".join(f"{count:,} × {status}" for status, count in found["statuses"].items() if status != "0")
    verdict = "reached" if found["growth_per_thousand"] <= 1 else "**not reached**"
    cancelled, lost = found["statuses"].get("0", 0), sum(found["lost"].values())
    rate, growth, each = found["rate"], found["growth"], found["growth_per_thousand"]
    return f"""## Soak

{found["minutes"]:g} minutes at {rate:.0f} requests a second over HTTP/2 and HTTP/1.1: cached and uncached reads,
sign-ins, unknown paths, wrong queries and bodies, of which 5 % are cancelled while the upstream works;
{found["date"]}, {found["machine"]}. Before, each question is asked once over both, many at a time.

Resident memory grows by **{growth:.2f} MiB an hour**: {each:.2f} for each 1,000 requests a second (wanted: at most
1; {verdict}). The slope is the median of all slopes after the first fifth of the time (Theil and Sen).

Answers: {statuses}; cancelled by the client: {cancelled:,}; refused: {found["refused"]:,}; lost: {lost:,}.

![Resident memory](endurance.svg)
"""


def _terminations(found: Rows) -> str:
    rows = found["rows"]
    answered, refused, lost = (sum(row[column] for row in rows) for column in range(3))
    return f"""## SIGTERM under load

{len(rows)} times the gateway is told to end while 48 requests are in flight on 4 HTTP/2 and 16 HTTP/1.1 connections
that go on asking until they are told to stop; {found["date"]}.

| answered | refused, to be repeated elsewhere | lost | end of the process, at most |
|--:|--:|--:|--:|
| {answered:,} | {refused:,} | {lost:,} | {max(row[3] for row in rows):.1f} s |

Refused are requests on HTTP/2 streams above the last one that GOAWAY names: the server has not looked at them.
"""


def _attacks(found: Rows) -> str:
    lines = [
        f"| {name} | {count} | {failed} | {middle:.0f} | {late:.0f} | {worst:.0f} | {cpu:.0%} | {left} |"
        for name, count, failed, middle, late, worst, cpu, left in found["rows"]
    ]
    return (
        f"""## Attacks

{found["connections"]:,} hostile connections at a time; a normal client connects anew and asks, over HTTP/1.1 and HTTP/2
in turn; {found["date"]}. Wanted: an answer in less than a second.

| attack | normal requests | failed | p50 ms | p99 ms | longest ms | CPU of the gateway | hostile connections left |
|---|--:|--:|--:|--:|--:|--:|--:|
"""
        + "\n".join(lines)
        + "\n"
    )


def plot(samples: Sequence[Sequence[float]]) -> str:
    """Resident memory over time, as SVG."""
    seconds, memory = [sample[0] for sample in samples], [sample[1] for sample in samples]
    top, floor, room = max(memory) * 1.1, HEIGHT - BOTTOM, HEIGHT - BOTTOM - 30
    points = " ".join(
        f"{LEFT + (WIDTH - LEFT - 20) * at / seconds[-1]:.1f},{floor - room * size / top:.1f}"
        for at, size in zip(seconds, memory, strict=True)
    )
    labels = "".join(
        f'<text x="{LEFT - 8}" y="{floor - room * share + 4:.0f}" text-anchor="end">{top * share:.0f}</text>'
        for share in (0, 0.5, 1)
    )
    title = f"Resident memory of the gateway, MiB, over {seconds[-1] / 60:.0f} minutes"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {FONT} fill="{INK}">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>'
        f'<text x="{LEFT}" y="18" font-weight="bold">{title}</text>{labels}'
        f'<polyline fill="none" stroke="{LINE}" stroke-width="2" points="{points}"/></svg>\n'
    )
