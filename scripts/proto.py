"""Regenerate proto/gen from proto/: message and service stubs, their type stubs, and the descriptor set.

The gateway builds its routes and /openapi.json from `descriptors.binpb`, so it holds the imports and the comments.
Run by `make proto`; the result is committed, and CI fails when it differs from what the protos say.
"""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from google.api import annotations_pb2

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "proto"
GENERATED = PROTOS / "gen"
PROGRAMS = Path(sysconfig.get_path("scripts"))  # of this environment, whatever the PATH says
INCLUDES = (
    PROTOS,
    Path(annotations_pb2.__file__).parent.parent.parent,  # google/api, of the googleapis-common-protos wheel
)


def main() -> int:
    """Generate everything anew; return protoc's exit code."""
    shutil.rmtree(GENERATED / "cryptovault", ignore_errors=True)
    (GENERATED / "cryptovault").mkdir(parents=True)
    sources = sorted(str(path) for path in (PROTOS / "cryptovault").rglob("*.proto"))
    return subprocess.run(
        [
            *(sys.executable, "-m", "grpc_tools.protoc"),
            *(f"--proto_path={folder}" for folder in INCLUDES),
            *(f"--plugin=protoc-gen-{name}={PROGRAMS / f'protoc-gen-{name}'}" for name in ("mypy", "mypy_grpc")),
            f"--python_out={GENERATED}",
            f"--mypy_out={GENERATED}",
            f"--grpc_python_out={GENERATED}",
            f"--mypy_grpc_out={GENERATED}",
            f"--descriptor_set_out={GENERATED / 'cryptovault' / 'descriptors.binpb'}",
            "--include_imports",
            "--include_source_info",
            *sources,
        ],
        check=False,
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
