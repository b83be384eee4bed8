"""The programs that are not Python: compiled, or fetched by npm, into .cache."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PARTS = ROOT / "bench" / "realtime_parts"
CACHE = ROOT / ".cache" / "bench-realtime"
SOCKETIO = ("socket.io@4.8.3", "socket.io-client@4.8.3")


def build() -> None:
    """Have everything ready. Needs gcc, Node and npm."""
    CACHE.mkdir(parents=True, exist_ok=True)
    for name in ("load", "floor"):
        subprocess.run(["gcc", "-O2", "-o", CACHE / name, PARTS / f"{name}.c"], check=True)
    if not (CACHE / "node_modules" / "socket.io-client").exists():
        npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(CACHE), *SOCKETIO]
        subprocess.run(npm, check=True)
    for name in ("node.mjs", "recovering.mjs"):
        (CACHE / name).write_text((PARTS / name).read_text())
