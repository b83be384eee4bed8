"""The page: each line of the goal with what is wanted and what was reached."""

from collections.abc import Mapping
from typing import Any

from bench.realtime_parts.measure import NAMES

Rows = dict[str, Any]


def page(results: Mapping[str, Rows]) -> str:
    """All parts that were run."""
    writers = {
        "fanout": _fanout,
        "scale": _scale,
        "idle": _idle,
        "ticks": _ticks,
        "storm": _storm,
        "nodes": _nodes,
        "slow": _slow,
    }
    parts = [f"{write(results[name])}\n{_when(results[name])}" for name, write in writers.items() if name in results]
    return "\n".join([_HEAD, *parts])


_HEAD = """# Realtime: what it costs and what it holds

Written by `make bench-realtime`; each part by `make bench-realtime ARGS=fanout` and so on. The node is the whole
service, with prices that come over NATS. Clients (C, one process) and servers share two cores, and other work may run
on them: costs are CPU time, side by side, the middle one of three runs in turns; of delays the middle one counts where
the runs are listed.
"""


def verdict(reached: bool) -> str:
    """In one word."""
    return "reached" if reached else "**not reached**"


def _when(found: Rows) -> str:
    return f"*{found['date']}, {found['machine']}; {found['busy']:.0%} of it busy with other work before.*\n"


def _fanout(found: Rows) -> str:
    costs = {(row["load"], row["server"]): row["cost"] for row in found["rows"]}
    own = {(row["load"], row["server"]): row["cost"] - row["in_kernel"] for row in found["rows"]}
    lines = [_cost_line(row, costs) for row in found["rows"]]
    loads = list(dict.fromkeys(row["load"] for row in found["rows"]))
    node = [costs[load, "ours"] / costs[load, "node"] for load in loads]
    own_share = max(own[load, "ours"] / own[load, "node"] for load in loads)
    stock = [costs[load, "ours"] / costs[load, "stock"] for load in loads if (load, "stock") in costs]
    flood = found["flood"]
    shares = ", ".join(f"{load}: {share:.2f}" for load, share in zip(loads, node, strict=True))
    return f"""## What a frame costs

| load (sockets × rounds a second) | server | frames/s | CPU a frame | in the kernel | of Node's | p50 | p99 |
|---|---|--:|--:|--:|--:|--:|--:|
{chr(10).join(lines)}

One frame: every client gets one `price_update` of one price a round. 20 channels: every client is subscribed to 20
symbols, each a channel and a frame of its own. *send() in C* writes the same frame to the same clients and does nothing
else: it is what this kernel takes for itself, and no server with one write for each frame can cost less.

- CPU a frame at most half of Node's: {verdict(max(node) <= 0.5)} ({shares}).
  Outside the kernel, where servers differ, it is at most {own_share:.2f} of Node's.
- CPU a frame at most a tenth of python-socketio's: {verdict(max(stock) <= 0.1)} ({max(stock):.2f} at most).
- At least 60,000 frames a second on a core: {verdict(1e6 / flood["cost"] >= 60_000)}: 1,000 sockets are offered
  100,000 a second; one node, held to one core, writes **{flood["frames_per_second"]:,.0f}** with {flood["cores"]:.2f}
  of it, which makes **{1e6 / flood["cost"]:,.0f}** for each CPU second.
"""


def _cost_line(row: Rows, costs: Mapping[tuple[str, str], float]) -> str:
    share = row["cost"] / costs[row["load"], "node"]
    return (
        f"| {row['load']} | {NAMES[row['server']]} | {row['frames_per_second']:,.0f} | {row['cost']:.1f} µs | "
        f"{row['in_kernel']:.1f} µs | {share:.2f} | {row['p50_ms']:.1f} ms | {row['p99_ms']:.1f} ms |"
    )


def _scale(found: Rows) -> str:
    one, two = found["one"], found["two"]
    return f"""## 5,000 sockets, 5 updates a second each

| nodes | p50 | p99 | p99 of all runs | cores |
|---|--:|--:|---|--:|
| one, on one core | {one["p50_ms"]:.1f} ms | {one["p99_ms"]:.1f} ms | {_runs(one)} | {one["cores"]:.2f} |
| two, 2,500 sockets each | {two["p50_ms"]:.1f} ms | {two["p99_ms"]:.1f} ms | {_runs(two)} | {two["cores"]:.2f} |

From `published_at` to the client, through NATS. Wanted: p99 at most 100 ms with one ({verdict(one["p99_ms"] <= 100)}),
50 ms with two ({verdict(two["p99_ms"] <= 50)}); with two, no core is left for the clients.
"""


def _runs(row: Rows) -> str:
    return ", ".join(f"{value:.1f}" for value in row["all_p99_ms"])


def _idle(found: Rows) -> str:
    row = found["ours"]
    return f"""## 15,000 idle sockets

Resident memory above the empty process: **{row["kib_per_socket"]:.1f} KiB** a socket (wanted: at most 25;
{verdict(row["kib_per_socket"] <= 25)}). CPU: **{row["cores"]:.1%}** of a core, pings included (wanted: at most 5 %;
{verdict(row["cores"] <= 0.05)}). Connected: {row["joined"]:,}, in {row["connect_seconds"]:.1f} s.
"""


def _ticks(found: Rows) -> str:
    row, newest = found["all"], found["newest"]
    age = f"**{row['p99_ms']:.0f} ms** (p50 {row['p50_ms']:.0f} ms; runs: {_runs(row)})"
    return f"""## 2,000 ticks a second over 200 symbols, 500 sockets on `prices`

Age of every price on arrival, p99: {age}.
Wanted: at most 50 ms + the flush interval of 200 ms: {verdict(row["p99_ms"] <= 250)}. Of the newest price in each
message: {newest["p99_ms"]:.0f} ms.

Conflation: of {found["offered"]:,} prices a second for all sockets together, {row["values_per_second"]:,.0f} are sent,
the last ones of their symbols, in {row["frames_per_second"]:,.0f} frames, with {row["cores"]:.2f} of a core.
"""


def _storm(found: Rows) -> str:
    row = found["ours"]
    back = row["joined"] == 15_000 and row["max_ms"] <= 15_000
    return f"""## 15,000 sockets cut at once

Back: {row["joined"]:,}; half of them after {row["p50_ms"] / 1000:.1f} s, the last after
**{row["max_ms"] / 1000:.1f} s** (wanted: all within 15 s; {verdict(back)}), in {row["retries"]:,} repeated attempts.
Longest stall of the event loop:
**{row["held_ms"]:.0f} ms** of the node's own CPU time (wanted: at most 100 ms; {verdict(row["held_ms"] <= 100)}),
{row["stall_ms"]:.0f} ms by the clock, which counts what others on the machine take as well.
"""


def _nodes(found: Rows) -> str:
    back = found["away_max_ms"] <= 5000
    return f"""## `kill -9` of one of two nodes

{found["users"]} stock JavaScript clients, a user each, behind one address; {found["events"]:,} user events over
JetStream meanwhile. Cut: {found["cut"]}; back after {found["away_p50_ms"] / 1000:.1f} s (half of them), the last after
**{found["away_max_ms"] / 1000:.1f} s** (wanted: at most 5 s; {verdict(back)}), {found["recovered"]} with their state
recovered. User events lost: **{found["lost"]}**, doubled: **{found["doubled"]}**, users who saw a wrong order:
{found["disordered"]} (wanted: none; {verdict(found["lost"] + found["doubled"] + found["disordered"] == 0)}).
"""


def _slow(found: Rows) -> str:
    without, having = found["without"], found["with"]
    change = having["p99_ms"] / without["p99_ms"] - 1 if without["p99_ms"] else 0.0
    return f"""## One client in ten reads slowly

500 sockets are sent 48 KB/s each; 50 of them read 5 KB/s.

| slow clients | p50 of the others | p99 of the others | CPU a frame | memory at most | cut off |
|---|--:|--:|--:|--:|--:|
{_slow_line(0, without)}
{_slow_line(50, having)}

The others' p99 changes by **{change:+.0%}** (wanted: at most +20 %; {verdict(change <= 0.2)}); memory above the empty
process, while the slow ones hold what they have not read, is bounded.
"""


def _slow_line(count: int, row: Rows) -> str:
    return (
        f"| {count} | {row['p50_ms']:.1f} ms | {row['p99_ms']:.1f} ms | {row['cost']:.1f} µs | "
        f"{row['peak_mib']:.1f} MiB | {row['gone']} |"
    )
