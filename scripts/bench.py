"""Run the benchmarks: all of bench/, or one with its options: `make bench ARGS="feeds recording.gz"`."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: list[str]) -> int:
    """Run them one after the other, so that none disturbs another; return the exit code."""
    known = sorted(path.stem for path in (ROOT / "bench").glob("[a-z]*.py"))
    if not arguments:
        return max([run(name, []) for name in known], default=0)
    name, *options = arguments
    if name not in known:
        print(f"there is no benchmark {name}; there are: {', '.join(known)}")
        return 1
    return run(name, options)


def run(name: str, options: list[str]) -> int:
    """Run one benchmark; return its exit code."""
    print(f"== {name}", flush=True)
    return subprocess.run([sys.executable, "-m", f"bench.{name}", *options], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
