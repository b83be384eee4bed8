"""Check the protos: `lint` by buf, `drift` that the committed stubs are what the protos give.

Both work on copies below build/: buf needs the imported google/api protos beside ours (its registry needs a network),
and the stubs are generated elsewhere so that nobody sees them half written.
"""

import filecmp
import shutil
import subprocess
import sys
from pathlib import Path

from google.api import annotations_pb2

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
GOOGLE_API = Path(annotations_pb2.__file__).parent
BUF = Path(sys.executable).parent / "buf"
GENERATED = Path("proto") / "gen"


def lint() -> int:
    """Lint our protos, and only ours; return the exit code."""
    folder = emptied(BUILD / "buf")
    shutil.copytree(ROOT / "proto" / "cryptovault", folder / "cryptovault")
    shutil.copy(ROOT / "proto" / "buf.yaml", folder)
    (folder / "google" / "api").mkdir(parents=True)
    for name in ("annotations.proto", "http.proto"):
        shutil.copy(GOOGLE_API / name, folder / "google" / "api")
    return subprocess.run([BUF, "lint", "--path", "cryptovault"], cwd=folder, check=False).returncode


def drift() -> int:
    """Generate anew and compare; return 1 when something differs."""
    folder = emptied(BUILD / "drift")
    (folder / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "proto.py", folder / "scripts")
    shutil.copytree(ROOT / "proto" / "cryptovault", folder / "proto" / "cryptovault")
    subprocess.run([sys.executable, "scripts/proto.py"], cwd=folder, check=True)
    different = sorted(differences(ROOT / GENERATED, folder / GENERATED))
    if different:
        print("these are not what the protos give; run: make proto\n  " + "\n  ".join(different))
    return 1 if different else 0


def differences(committed: Path, fresh: Path) -> set[str]:
    """The files that differ, or are in one of the folders only."""
    names = {path.relative_to(folder) for folder in (committed, fresh) for path in files(folder)}
    return {str(name) for name in names if not same(committed / name, fresh / name)}


def files(folder: Path) -> list[Path]:
    """Every generated file below a folder."""
    return [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def same(one: Path, other: Path) -> bool:
    """Whether both files exist with the same bytes."""
    return one.exists() and other.exists() and filecmp.cmp(one, other, shallow=False)


def emptied(folder: Path) -> Path:
    """The folder, new and empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


if __name__ == "__main__":
    sys.exit({"lint": lint, "drift": drift}[sys.argv[1]]())
