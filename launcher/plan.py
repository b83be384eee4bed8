"""From the stack table to what is actually run here: commands, environments and places filled in."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from launcher.binaries import places
from launcher.folder import RunFolder
from launcher.model import Process
from launcher.postgres import as_unprivileged

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_GATEWAY_PORT = "8001"

# What differs from a deployed service's defaults when everything runs on one's own machine.
LOCAL_DEFAULTS = {"CV_LOG_FORMAT": "text", "CV_DRAIN_SECONDS": "3", "PYTHONUNBUFFERED": "1"}


def instance_name(environ: Mapping[str, str]) -> str:
    """The name of the stack: no two running ones can share the gateway's port, so that port tells them apart."""
    port = environ.get("CV_GATEWAY_PORT") or DEFAULT_GATEWAY_PORT
    return "default" if port == DEFAULT_GATEWAY_PORT else f"gateway-{port}"


def run_folder(environ: Mapping[str, str]) -> RunFolder:
    """The private folder of the stack this environment speaks of."""
    return RunFolder(ROOT / ".run" / instance_name(environ))


def is_set(environ: Mapping[str, str], name: str) -> bool:
    """Whether the caller gave a setting, as a value or as a file that holds it."""
    return bool(environ.get(name) or environ.get(f"{name}_FILE"))


@dataclass(frozen=True)
class Launch:
    """One process, ready to be started."""

    process: Process
    command: tuple[str, ...]
    env: Mapping[str, str]
    place: str
    data: Path
    log: Path


@dataclass(frozen=True)
class Plan:
    """How the rows of a stack table are started on this machine."""

    rows: Sequence[Process]
    ports: Mapping[str, int]
    environ: Mapping[str, str]
    folder: RunFolder
    root: Path = ROOT

    def wanted(self, market: str) -> tuple[Process, ...]:
        """The rows that run: without servers the caller brings along, and the simulator only when it is needed."""
        return tuple(
            row
            for row in self.rows
            if not (row.replaced_by and is_set(self.environ, row.replaced_by)) and row.only_market in ("", market)
        )

    def launch(self, row: Process, market: str) -> Launch:
        """The row with every text filled in."""
        data = self.folder.data(row.name)
        known = {**places(), **self.ports, "python": sys.executable, "root": self.root, "data": data}
        command = tuple(part.format_map(known) for part in row.command)
        return Launch(
            process=row,
            command=as_unprivileged(command) if row.own_user else command,
            env=self._environment(row, market, known),
            place=row.ready.place.format_map(known),
            data=data,
            log=self.folder.log(row.name),
        )

    def _environment(self, row: Process, market: str, known: Mapping[str, object]) -> dict[str, str]:
        """Everything the caller's environment says (CV_…, OTEL_… and the rest) over what the table says."""
        texts = dict(LOCAL_DEFAULTS)
        for other in self.wanted(market):
            texts |= other.gives
        texts |= row.env
        told = {name: text.format_map(known) for name, text in texts.items() if not is_set(self.environ, name)}
        ports = {port.variable: str(self.ports[port.name]) for port in row.ports if port.variable}
        given = {name: value for name, value in self.environ.items() if value or not name.startswith("CV_")}
        return given | told | ports


def environment_of(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The caller's environment, with `RECORDINGS=folder` turned into the simulator's setting.

    Raises FileNotFoundError when that folder does not exist.
    """
    result = dict(environ)
    recordings = result.pop("RECORDINGS", "") or result.pop("CV_RECORDINGS", "")
    if recordings:
        folder = Path(recordings).expanduser().resolve()
        if not folder.is_dir():
            raise FileNotFoundError(f"RECORDINGS={recordings}: there is no such folder")
        result["CV_SIMULATOR_RECORDINGS"] = str(folder)
    return result
