"""The four distributions: each wheel holds only its own package, and none is ever taken from an index."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WHEELS = {
    ".": ("axonflow", "axonflow/"),
    "sidecar": ("axonflow-sidecar", "axonflow_sidecar/"),
    "integrations/langchain": ("langchain-axonflow", "langchain_axonflow/"),
    "integrations/llamaindex": ("llama-index-callbacks-axonflow", "llama_index/callbacks/axonflow/"),
}


def metadata(place):
    return tomllib.loads((ROOT / place / "pyproject.toml").read_text("utf-8"))["project"]


@pytest.mark.parametrize("place", WHEELS)
def test_wheel_holds_only_its_own_package(place, tmp_path):
    name, package = WHEELS[place]
    # hatchling is called as pip would call it; no index is needed for that
    build = "import hatchling.build, sys; hatchling.build.build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, str(tmp_path)], cwd=ROOT / place, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    assert names
    assert all(name.startswith(package) for name in names)
    assert f"{package}py.typed" in names
    assert metadata(place)["name"] == name


def test_wheel_of_the_library_ships_the_samples(tmp_path):
    build = "import hatchling.build, sys; hatchling.build.build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, str(tmp_path)], cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "axonflow/samples/traffic.jsonl" in names
    samples = sorted(name.rpartition("/")[2] for name in names if name.startswith("axonflow/samples/policies/"))
    assert samples == [
        f"{one}.{kind}" for one in ("access", "content", "tools") for kind in ("policytests.yaml", "yaml")
    ]


@pytest.mark.parametrize("place", [place for place in WHEELS if place != "."])
def test_distribution_can_only_be_met_by_this_checkout(place):
    """A local version can be uploaded to no index (PEP 440), so pip finds ours by path or nothing at all."""
    version = metadata(".")["version"]
    assert "+" in version
    pins = [re.sub(r"\[.*?\]", "", line) for line in metadata(place)["dependencies"] if line.startswith("axonflow")]
    assert pins == [f"axonflow=={version}"]


def test_no_step_of_ours_names_the_package_of_the_index():
    for path in ("README.md", "bootstrap.py", "noxfile.py", ".ci/run"):
        for line in (ROOT / path).read_text("utf-8").splitlines():
            if "pip install axonflow" in line:
                assert "never" in line.lower() or "`pip install axonflow`" in line
