"""Pin every Python package, with hashes and without index addresses, into requirements.lock. Run by `make lock`."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OPTIONS = (
    *("--all-extras", "--universal", "--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--no-header"),
    *("--python-version", "3.11", "--output-file", "requirements.lock"),
)


def main() -> int:
    """Resolve anew, keeping what is pinned where it still fits; pass `--upgrade` to renew all. Return the exit code."""
    uv = Path(sys.executable).parent / "uv"
    return subprocess.run([uv, "pip", "compile", "pyproject.toml", *OPTIONS, *sys.argv[1:]], cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
