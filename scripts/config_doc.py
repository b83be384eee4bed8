"""Write what documents repeat of the code: docs/configuration.md, and the stack table in docs/architecture.md.

Run by `make config-doc`; with `--check` it only compares.
"""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from launcher.markdown import with_table
from launcher.stack import STACK
from services.kit.settings import markdown
from simulator.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
SERVICES = ("gateway", "auth", "prices", "realtime", "cache")
LIMIT = 30.0  # seconds one service may take to say its settings
CONFIGURATION = ROOT / "docs" / "configuration.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
PREFACE = """# Configuration

Every setting is an environment variable, declared once in the service that reads it; this page is written from those
declarations by `make config-doc`. A secret can also be given as a file: `<NAME>_FILE`. `make up` hands every `CV_…`
and `OTEL_…` variable of its environment on. Check a service's settings without starting it:
`python -m services.<name> --check-config`.

`OTEL_…` variables mean what the OpenTelemetry specification says: with `OTEL_EXPORTER_OTLP_ENDPOINT`, traces, metrics
and logs are exported. One default is our own: where `OTEL_TRACES_SAMPLER` is not set, it is `parentbased_traceidratio`
with 0.01 (`OTEL_TRACES_SAMPLER_ARG` says another share), so one new trace in a hundred is recorded. What is malformed
in these two is warned of at the start, and counts as not set.
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
    """Write or check the documents; return the exit code."""
    try:
        texts = {CONFIGURATION: page(), ARCHITECTURE: with_table(ARCHITECTURE.read_text(), STACK)}
    except subprocess.CalledProcessError as error:
        print(f"{error}\n{error.stderr}", file=sys.stderr)
        return 1
    except ValueError as error:
        print(f"docs/architecture.md: {error}", file=sys.stderr)
        return 1
    stale = [path for path, text in texts.items() if not path.exists() or path.read_text() != text]
    names = ", ".join(str(path.relative_to(ROOT)) for path in stale)
    if "--check" in sys.argv:
        print(f"not current: {names}; run: make config-doc" if stale else "")
        return 1 if stale else 0
    for path in stale:
        path.write_text(texts[path])
    print(f"wrote {names}" if stale else "all is current")
    return 0


if __name__ == "__main__":
    sys.exit(main())
