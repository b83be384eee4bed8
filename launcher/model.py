"""The vocabulary of the stack table: a process, its ports, its readiness, how it is restarted."""

import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

# A check returns when the process at the given place answers rightly, and raises otherwise.
Check = Callable[[str], Awaitable[None]]
# Readies the data folder before each start.
Prepare = Callable[[Path], None]


@dataclass(frozen=True)
class Port:
    """A port a process listens on. `variable` is the setting it is told by; public ones are promised to clients.

    One that `may_be_off` can be set to 0: then the process does not listen there.
    """

    name: str
    default: int
    variable: str = ""
    public: bool = False
    may_be_off: bool = False


@dataclass(frozen=True)
class Ready:
    """How one sees that a process does its work: `check` at `place` (a template, see `plan`)."""

    check: Check
    place: str


@dataclass(frozen=True)
class Restart:
    """Doubling delays between restarts of a process that keeps crashing, forgotten once it has run for a while."""

    first: float = 0.2  # seconds
    cap: float = 5.0  # seconds
    forgotten_after: float = 30.0  # seconds up

    def delay(self, crashes: int) -> float:
        """Seconds to wait before the restart that follows the nth crash in a row (from 1)."""
        return float(min(self.cap, self.first * 2 ** min(crashes - 1, 30)))

    def crashes_after(self, crashes: int, seconds_up: float) -> int:
        """How many crashes in a row it is now, when a process that had crashed `crashes` times exits again."""
        return 1 if seconds_up >= self.forgotten_after else crashes + 1


@dataclass(frozen=True, kw_only=True)
class Process:
    """One row of the stack table. Texts in braces are filled in by `plan`."""

    name: str
    what: str
    command: tuple[str, ...]
    ready: Ready
    ports: tuple[Port, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)  # for this process alone; the caller's environment wins
    gives: Mapping[str, str] = field(default_factory=dict)  # told to every process; the caller's environment wins
    depends_on: tuple[str, ...] = ()  # started after these, stopped before them
    awaited: bool = False  # what depends on it starts only once it is ready
    replaced_by: str = ""  # with this variable set, the server it names is used instead
    only_market: str = ""  # runs only when the market is this one
    prepare: Prepare | None = None
    restart: Restart = field(default_factory=Restart)
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 12.0  # from the stop signal to SIGKILL
    shown: str = ""  # a pattern: only such lines reach the screen, all reach the log file; empty shows everything
    own_user: bool = False  # refuses to run as root: root runs it as the unprivileged user instead
