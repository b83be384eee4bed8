"""The answer that every server under measurement gives, as the gateway gave it: `BENCH_ANSWER` names its file."""

import os
from pathlib import Path

_file = Path(os.environ["BENCH_ANSWER"])

PLAIN = _file.read_bytes()
GZIPPED = _file.with_suffix(".json.gz").read_bytes()
