"""What must hold of the image: its labels, its content, what it refuses for what it goes without."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

import fixtures
from tests.conftest import NOW
from tests.deploy.containers import ROOT, Containers

# unpacked, without the base; what it was when this was written is in docs/dependencies.md
LARGEST = 115_000_000


def is_what_it_says(image: dict[str, Any]) -> None:
    """`image`: as `Containers.build` tells it."""
    config = image["Config"]
    assert config["User"] == "10001:10001"
    assert config["Cmd"] == ["mda5-cds", "serve", "--host", "0.0.0.0", "--port", "8000"]  # noqa: S104
    assert config.get("Entrypoint") is None
    labels = {name.rpartition(".")[2]: value for name, value in config["Labels"].items() if "opencontainers" in name}
    (version,) = re.findall(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    assert (labels["title"], labels["version"], labels["licenses"]) == ("mda5-cds", version, "Apache-2.0")
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?|unknown", labels["revision"])
    assert datetime.fromisoformat(labels["created"]) == datetime.fromisoformat(image["Created"])
    assert image["Size"] - image["BaseSize"] < LARGEST


INSTALLED = """
import json
from importlib.metadata import distributions
from pathlib import Path
print(json.dumps({
    "libraries": [[each.name.lower().replace("_", "-").replace(".", "-"), each.version] for each in distributions()],
    "commands": sorted(path.name for path in Path("/venv/bin").iterdir()),
    "sbom": Path("/usr/share/mda5-cds/sbom.cdx.json").read_text(),
    "tests": [str(path) for path in Path("/venv/lib").rglob("tests")],
}))
"""


def tells_what_is_in_it(containers: Containers) -> None:
    """The bill of materials that it carries, against what is installed."""
    found = json.loads(containers.once("python3", "-c", INSTALLED).stdout)
    assert found["sbom"] == (ROOT / "deploy" / "image" / "sbom.cdx.json").read_text("utf-8")
    listed = {(each["name"], each["version"]) for each in json.loads(found["sbom"])["components"]}
    installed = {(name, version) for name, version in found["libraries"] if name != "mda5-cds"}
    assert installed <= listed
    assert {name for name, _ in listed} == {name for name, _ in installed}
    assert [name for name in found["commands"] if not name.startswith("python")] == ["mda5-cds"]
    assert found["tests"] == []


def says_what_it_goes_without(containers: Containers) -> None:
    """And refuses it."""
    story = json.dumps(fixtures.story("refractory").render(NOW))
    command = containers.inspected(containers.image)["Config"]["Cmd"]
    for words, given, why in (
        (("mda5-cds", "serve", "--sandbox"), "", "extra `sandbox`"),
        (("mda5-cds", "evaluate", "-", "--plot", "/tmp/course.svg"), story, "extra `sandbox`"),  # noqa: S108
        (command, "", "callers are not identified"),
    ):
        refused = containers.once(*words, given=given)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert why in refused.stderr
