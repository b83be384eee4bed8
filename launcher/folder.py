"""The private folder of one stack, `.run/<instance>/`: its lock, its state, its logs, its servers' data."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec


class ProcessState(msgspec.Struct, frozen=True):
    """One process as last seen: `started` is its start in epoch seconds, which tells it from a later namesake."""

    name: str
    pid: int
    started: float
    restarts: int
    place: str  # what its readiness check looks at


class StackState(msgspec.Struct, frozen=True):
    """A running stack, for `down`, `status` and `profile`; the first two are the launcher's own process."""

    pid: int
    started: float
    market: str
    urls: dict[str, str]
    processes: tuple[ProcessState, ...]


class AlreadyRunning(Exception):
    """Another launcher holds the folder."""


@dataclass(frozen=True)
class RunFolder:
    """Paths and files of one instance."""

    path: Path

    def create(self) -> None:
        """Make the folder, readable by its owner alone."""
        self.path.parent.mkdir(mode=0o700, exist_ok=True)
        for folder in (self.path, self.path / "logs", self.path / "data"):
            folder.mkdir(mode=0o700, exist_ok=True)

    def data(self, name: str) -> Path:
        """Where a process keeps what must outlive it."""
        folder = self.path / "data" / name
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def log(self, name: str) -> Path:
        """The log file of a process."""
        return self.path / "logs" / f"{name}.log"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this launcher alone; the lock goes with the process, however it ends."""
        with open(self.path / "lock", "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise AlreadyRunning from None
            yield

    def save(self, state: StackState) -> None:
        """Write the state, whole or not at all."""
        draft = self.path / "state.json.new"
        draft.write_bytes(msgspec.json.encode(state))
        os.replace(draft, self.path / "state.json")

    def load(self) -> StackState | None:
        """The state last written, if any."""
        try:
            return msgspec.json.decode((self.path / "state.json").read_bytes(), type=StackState)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def forget(self) -> None:
        """Remove the state: nothing runs any more."""
        (self.path / "state.json").unlink(missing_ok=True)
