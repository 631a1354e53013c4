"""The manifests of deploy/kubernetes/ as `kubectl kustomize` renders them, and what they have to fit: the image."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
OVERLAYS = ("test", "production")
SERVICE = "mda5-cds"

Object = dict[str, Any]
Problems = Iterator[str]


class Manifests:
    """The objects of one overlay, found by kind and name."""

    def __init__(self, objects: list[Object]) -> None:
        self.objects = objects

    def all(self, kind: str) -> list[Object]:
        return [each for each in self.objects if each["kind"] == kind]

    def one(self, kind: str, name: str = "") -> Object:
        """The only one of a kind; with `name` the one whose name begins so (generated names have a hash)."""
        (found,) = [each for each in self.all(kind) if each["metadata"]["name"].startswith(name)]
        return found

    @property
    def pod(self) -> Object:
        """What the Deployment says of each pod."""
        return self.one("Deployment")["spec"]["template"]["spec"]

    @property
    def container(self) -> Object:
        (container,) = self.pod["containers"]
        return container

    @property
    def settings(self) -> dict[str, str]:
        """The variables that the container takes from ConfigMaps."""
        names = [each["configMapRef"]["name"] for each in self.container["envFrom"]]
        return {key: value for name in names for key, value in self.one("ConfigMap", name)["data"].items()}


@dataclass(frozen=True)
class Image:
    """What the Dockerfile promises."""

    user: str
    group: str
    port: int
    command: tuple[str, ...]


def image() -> Image:
    """As the last stage of the Dockerfile says."""
    last = (ROOT / "Dockerfile").read_text(encoding="utf-8").rpartition("\nFROM ")[2]
    said = dict(re.findall(r"^(USER|EXPOSE|ENTRYPOINT|CMD) (.+)$", last, re.MULTILINE))
    user, _, group = said["USER"].partition(":")
    command = (*json.loads(said.get("ENTRYPOINT", "[]")), *json.loads(said["CMD"]))
    return Image(user, group, int(said["EXPOSE"]), command)


def render(overlay: str, folder: Path) -> Manifests:
    """What would be applied. `folder`: for a copy that an old kubectl understands."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("needs kubectl (Debian: kubernetes-client)")
    said = subprocess.run([kubectl, "version", "--client"], capture_output=True, text=True, check=True).stdout
    source = KUBERNETES
    if re.search(r'Minor:"(1?\d|20)\b', said):
        source = folder / "kubernetes"
        shutil.copytree(KUBERNETES, source)
        _in_old_words(source)
    command = [kubectl, "kustomize", str(source / "overlays" / overlay)]
    rendered = subprocess.run(command, capture_output=True, text=True, check=False)
    assert rendered.returncode == 0, rendered.stderr
    return Manifests([each for each in yaml.safe_load_all(rendered.stdout) if each])


def _in_old_words(folder: Path) -> None:
    """kubectl up to 1.20 knows the same things by other names."""
    for path in folder.rglob("kustomization.yaml"):
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
        said["bases"] = [each for each in said["resources"] if (path.parent / each).is_dir()]
        said["resources"] = [each for each in said["resources"] if each not in said["bases"]]
        said["patchesStrategicMerge"] = [each["path"] for each in said.pop("patches", [])]
        path.write_text(yaml.safe_dump(said), encoding="utf-8")
