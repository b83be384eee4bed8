"""The manifests as `kubectl kustomize` renders them, without a cluster."""

import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
Manifest = dict[str, Any]


class Rendered:
    """All objects of one kustomization."""

    def __init__(self, folder: str) -> None:
        kubectl = Path(sysconfig.get_path("scripts")) / "kubectl"
        render = subprocess.run([kubectl, "kustomize", ROOT / folder], capture_output=True, text=True, check=False)
        assert render.returncode == 0, render.stderr
        self.warnings = render.stderr
        self.objects: list[Manifest] = list(yaml.load_all(render.stdout, yaml.CSafeLoader))

    def kind(self, kind: str) -> dict[str, Manifest]:
        """The objects of a kind, by name."""
        return {item["metadata"]["name"]: item for item in self.objects if item["kind"] == kind}

    def pods(self) -> dict[str, Manifest]:
        """The pod template of every workload, by name."""
        workloads = self.kind("Deployment") | self.kind("Job")
        return {name: item["spec"]["template"] for name, item in workloads.items()}

    def settings(self) -> dict[str, str]:
        """The shared ConfigMap."""
        (settings,) = self.kind("ConfigMap").values()
        return dict(settings["data"])


@pytest.fixture(scope="session")
def base() -> Rendered:
    return Rendered("deploy/k8s/base")


@pytest.fixture(scope="session")
def dev() -> Rendered:
    return Rendered("deploy/k8s/overlays/dev")
