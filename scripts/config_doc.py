"""Write docs/configuration.md from what each service declares (`make config-doc`); `--check` only compares."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from services.kit.settings import markdown
from simulator.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
SERVICES = ("gateway", "auth", "prices", "realtime", "cache")
LIMIT = 30.0  # seconds one service may take to say its settings
TARGET = ROOT / "docs" / "configuration.md"
PREFACE = """# Configuration

Every setting is an environment variable, declared once in the service that reads it; this page is written from those
declarations by `make config-doc`. A secret can also be given as a file: `<NAME>_FILE`. `make up` hands every `CV_…`
and `OTEL_…` variable of its environment on. Check a service's settings without starting it:
`python -m services.<name> --check-config`.
"""


def page() -> str:
    """The whole page. Raises CalledProcessError when a service cannot say its settings."""
    with ThreadPoolExecutor() as pool:
        tables = [*pool.map(declared_by, SERVICES), markdown("simulator", Settings)]
    return "\n".join([PREFACE, *(table.strip() + "\n" for table in tables)])


def declared_by(service: str) -> str:
    """One service's table."""
    command = [sys.executable, "-m", f"services.{service}", "--config-doc"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=LIMIT).stdout


def main() -> int:
    """Write or check the page; return the exit code."""
    try:
        text = page()
    except subprocess.CalledProcessError as error:
        print(f"{error}\n{error.stderr}", file=sys.stderr)
        return 1
    return check(text) if "--check" in sys.argv else write(text)


def write(text: str) -> int:
    """Write the page."""
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(text)
    print(f"wrote {TARGET.relative_to(ROOT)}")
    return 0


def check(text: str) -> int:
    """Return 1 when the page is not current."""
    if TARGET.exists() and TARGET.read_text() == text:
        return 0
    print("docs/configuration.md is not current; run: make config-doc")
    return 1


if __name__ == "__main__":
    sys.exit(main())
