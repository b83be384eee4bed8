"""The page and the picture of what was endured."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.endurance_parts.soak import BURST, BURSTS
from bench.gateway_parts.chart import FONT, INK

Rows = dict[str, Any]  # one part's results, as JSON keeps them

MEMORY = {"resident": "resident", "in_use": "in use"}  # a soak's series, in words

WIDTH, HEIGHT, LEFT, RIGHT, BOTTOM = 900, 320, 70, 20, 40
LINE = "#0f766e"


def page(results: Mapping[str, Rows]) -> str:
    """All parts that were run."""
    writers = {"soak": _soak, "terminations": _terminations, "attacks": _attacks}
    parts = ["# What the gateway endures\n\nWritten by `make bench ARGS=endurance`.\n"]
    parts += [writers[name](results[name]) for name in writers if name in results]
    return "\n".join(parts)


def _soak(found: Rows) -> str:
    statuses = ", ".join(f"{count:,} × {status}" for status, count in found["statuses"].items() if status != "0")
    cancelled, lost, rate = found["statuses"].get("0", 0), sum(found["lost"].values()), found["rate"]
    late = " 503 is the answer while the upstream is too slow for all." if "503" in found["statuses"] else ""
    lines = "\n".join(_grown(words, found[of], found["growth"][of], rate) for of, words in MEMORY.items())
    return f"""## Soak

{found["minutes"]:g} minutes at {rate:.0f} requests a second over HTTP/2 and HTTP/1.1: cached and uncached reads,
sign-ins, unknown paths, wrong queries and bodies, of which 5 % are cancelled while the upstream works;
{found["date"]}, {found["machine"]}.

| memory | MiB at first | at last | growth, MiB an hour | for each 1,000 requests a second | wanted: at most 1 |
|---|--:|--:|--:|--:|---|
{lines}

Growth is the median of all slopes after the first fifth of the time (Theil and Sen). Memory in use is what C and
Python have allocated and not freed: whatever is left behind by requests shows there. Resident is what the process
occupies, most of which is the most that was ever in use at a time: Python hardly gives any of it back. So it rises
when more requests are under way at once than ever before, as after a moment in which the machine did something else.
That is had before the time begins: each question is asked once over both protocols, and {BURSTS} times
{BURST:,} requests come at once.

Answers: {statuses}; cancelled by the client: {cancelled:,}; refused: {found["refused"]:,}; lost: {lost:,}.{late}

![Memory over time](endurance.svg)
"""


def _grown(words: str, series: Sequence[Sequence[float]], growth: float, rate: float) -> str:
    each = growth / (rate / 1000)
    verdict = "reached" if each <= 1 else "**not reached**"
    return f"| {words} | {series[0][1]:.1f} | {series[-1][1]:.1f} | {growth:.2f} | **{each:.2f}** | {verdict} |"


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


def plot(found: Rows) -> str:
    """A soak's memory over time, as SVG."""
    top = max(size for of in MEMORY for _, size in found[of]) * 1.1
    floor = HEIGHT - BOTTOM
    labels = "".join(
        f'<text x="{LEFT - 8}" y="{_height(top * share, top) + 4:.0f}" text-anchor="end">{top * share:.0f}</text>'
        for share in (0, 0.5, 1)
    )
    title = f"Memory of the gateway, MiB, over {found['minutes']:.0f} minutes"
    lines = "".join(_line(words, found[of], top) for of, words in MEMORY.items())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {FONT} fill="{INK}">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>'
        f'<text x="{LEFT}" y="18" font-weight="bold">{title}</text>{labels}'
        f'<line x1="{LEFT}" y1="{floor}" x2="{WIDTH - RIGHT}" y2="{floor}" stroke="{INK}"/>{lines}</svg>\n'
    )


def _line(words: str, series: Sequence[Sequence[float]], top: float) -> str:
    scale = (WIDTH - LEFT - RIGHT) / series[-1][0]
    points = " ".join(f"{LEFT + at * scale:.1f},{_height(size, top):.1f}" for at, size in series)
    last = _height(series[-1][1], top)
    return (
        f'<polyline fill="none" stroke="{LINE}" stroke-width="2" points="{points}"/>'
        f'<text x="{WIDTH - RIGHT}" y="{last - 8:.0f}" text-anchor="end">{words}</text>'
    )


def _height(size: float, top: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - 30) * size / top
