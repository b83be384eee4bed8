"""Run the tests: `test.py all|unit [pytest arguments]`: unit, contract, integration, browser, then the front end's.

The browser tests are left out, and that is said, where Chromium is not installed.
"""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ORDER = ("tests/unit", "tests/contract", "tests/deploy", "tests/integration")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main(arguments: list[str]) -> int:
    """Run them all even when some fail; return the exit code."""
    kind, *options = arguments
    folders = [folder for folder in ORDER if (ROOT / folder).is_dir()]
    chosen = folders if kind == "all" else ["tests/unit"]
    codes = [subprocess.run([sys.executable, "-m", "pytest", *chosen, *selection(), *options], cwd=ROOT).returncode]
    if kind == "all" and not options:
        codes.append(subprocess.run(["npm", "--silent", "test"], cwd=ROOT / "frontend").returncode)
    return max(codes)


def selection() -> list[str]:
    """What is left out here."""
    if any(shutil.which(name) for name in BROWSERS):
        return []
    print(
        "Chromium is not installed, the browser tests are left out; `make doctor` says how to install it.", flush=True
    )
    return ["-m", "not browser"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
