"""Which port each process gets: the public ones as asked, the others their usual one or else any free one."""

import random
from collections.abc import Callable, Iterable, Mapping

from launcher.model import Port, Process

# Below Linux's range for outgoing connections (32768 and up), so that none of those takes a port between two starts.
SPARE = range(20000, 32000)


class PortProblem(Exception):
    """A port that was promised or asked for cannot be had; `problems` says which, why, and what to do."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def choose_ports(
    rows: Iterable[Process],
    environ: Mapping[str, str],
    is_free: Callable[[int], bool],
    owner_of: Callable[[int], str],
    keep_default: bool = True,
) -> dict[str, int]:
    """A port for every name. Without `keep_default` the private ones are never the usual ones: a second stack leaves
    those to the first, even when both start in the same moment. Raises PortProblem."""
    chosen: dict[str, int] = {}
    problems: list[str] = []
    for port in (port for row in rows for port in row.ports):
        asked = environ.get(port.variable) if port.variable else None
        try:
            chosen[port.name] = _choose(port, asked, set(chosen.values()), is_free, keep_default)
        except _Taken as taken:
            owner = "another part of this stack" if taken.twice else owner_of(taken.number)
            problems.append(_sentence(port, taken.number, owner))
        except ValueError:
            problems.append(f"{port.variable} must be a port from 1 to 65535, not {asked!r}.")
    if problems:
        raise PortProblem(problems)
    return chosen


class _Taken(Exception):
    """The number cannot be had: used by this stack already, or by someone else."""

    def __init__(self, number: int, *, twice: bool) -> None:
        self.number = number
        self.twice = twice


def _choose(port: Port, asked: str | None, used: set[int], is_free: Callable[[int], bool], keep_default: bool) -> int:
    if asked or port.public:
        number = int(asked) if asked else port.default
        if not (1 <= number <= 65535 or (number == 0 and port.may_be_off)):
            raise ValueError(number)
        if number and (number in used or not is_free(number)):
            raise _Taken(number, twice=number in used)
        return number
    if keep_default and port.default not in used and is_free(port.default):
        return port.default
    return next(n for n in random.sample(SPARE, len(SPARE)) if n not in used and is_free(n))


def _sentence(port: Port, number: int, owner: str) -> str:
    return f"Port {number} is taken by {owner}. Choose another: make up {port.variable}={number + 1000}"
