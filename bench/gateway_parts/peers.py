"""The peers' own virtual environment, so that the product's stays as it is."""

import hashlib
import subprocess
import sys
import tomllib
from pathlib import Path

FOLDER = Path("build") / "bench-venv"
PYTHON = FOLDER / "bin" / "python"
STAMP = FOLDER / ".stamp"


class NotInstalled(Exception):
    """The peers could not be installed; the text says why."""


def install() -> None:
    """Install what pyproject.toml's dependency group `bench` names. Raises NotInstalled."""
    wanted = packages()
    stamp = hashlib.sha256(" ".join(wanted).encode()).hexdigest()
    if STAMP.exists() and STAMP.read_text() == stamp:
        return
    print("installing the peers into", FOLDER, flush=True)
    _run([sys.executable, "-m", "venv", "--clear", str(FOLDER)])
    _run([str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted])
    STAMP.write_text(stamp)


def packages() -> list[str]:
    """The requirements of the group."""
    groups: dict[str, list[str]] = tomllib.loads(Path("pyproject.toml").read_text())["dependency-groups"]
    return groups["bench"]


def versions() -> dict[str, str]:
    """What is installed of the packages that the group names."""
    names = {requirement.partition("==")[0].partition("[")[0] for requirement in packages()}
    listing = subprocess.run([PYTHON, "-m", "pip", "freeze"], capture_output=True, text=True, check=True).stdout
    found = dict(line.split("==") for line in listing.splitlines() if "==" in line)
    return {name: found[name] for name in sorted(found.keys() & (names | {"starlette"}))}


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotInstalled(f"the peers could not be installed: {(done.stdout + done.stderr).strip()[-500:]}")
