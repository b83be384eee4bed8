"""Every check of `make check`, one line each with its time; all run even when some fail."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
PYTHON = sys.executable
LIMIT = 300.0  # seconds one check may take
AT_ONCE = max(2, (os.cpu_count() or 2) // 2)


@dataclass(frozen=True)
class Check:
    """A command that must exit with 0."""

    name: str
    command: tuple[str, ...]
    folder: str = "."


CHECKS = (
    Check("types (mypy --strict)", (f"{BIN}/mypy",)),
    Check("types of scripts", (f"{BIN}/mypy", "--strict", "scripts")),
    Check("front end: types", ("npm", "--silent", "run", "typecheck"), "frontend"),
    Check("front end: lint", ("npm", "--silent", "run", "lint"), "frontend"),
    Check("lint (ruff)", (f"{BIN}/ruff", "check", "--quiet")),
    Check("format (ruff)", (f"{BIN}/ruff", "format", "--check", "--quiet")),
    Check("style (sizes, assertions)", (PYTHON, "scripts/check_style.py")),
    Check("architecture (import-linter)", (f"{BIN}/lint-imports", "--no-cache")),
    Check("protos: lint (buf)", (PYTHON, "scripts/check_protos.py", "lint")),
    Check("protos: stubs are current", (PYTHON, "scripts/check_protos.py", "drift")),
    Check("documents are current", (PYTHON, "scripts/config_doc.py", "--check")),
    Check("manifests (kustomize)", (PYTHON, "scripts/check_manifests.py")),
)


def main() -> int:
    """Run all checks; return 1 when one failed."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return 0 if all(list(pool.map(run, CHECKS))) else 1


def run(check: Check) -> bool:
    """Run one check and print its line, with the output when it failed."""
    since = time.monotonic()
    output, passed = outcome(check)
    print(f"{'ok    ' if passed else 'FAILED'}  {check.name} ({time.monotonic() - since:.1f} s)", flush=True)
    if not passed:
        print(output, flush=True)
    return passed


def outcome(check: Check) -> tuple[str, bool]:
    """What a check's command printed, and whether it passed."""
    try:
        result = subprocess.run(
            check.command, cwd=ROOT / check.folder, capture_output=True, text=True, check=False, timeout=LIMIT
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error), False
    return (result.stdout + result.stderr).strip(), result.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
