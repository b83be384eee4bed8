"""Check that every kustomization of deploy/k8s renders. Uses the machine's kubectl, or the one of its wheel."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Return 1 when the base or an overlay does not render."""
    kubectl = shutil.which("kubectl") or str(Path(sys.executable).parent / "kubectl")
    folders = [ROOT / "deploy/k8s/base", *sorted((ROOT / "deploy/k8s/overlays").glob("*/"))]
    return max([render(kubectl, folder) for folder in folders])


def render(kubectl: str, folder: Path) -> int:
    """Render one folder; print the mistakes."""
    result = subprocess.run([kubectl, "kustomize", str(folder)], capture_output=True, text=True, check=False)
    if result.returncode == 0 and "kind:" in result.stdout:
        return 0
    print(f"{folder.relative_to(ROOT)}: {result.stderr.strip() or 'renders nothing'}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
