"""Names that packages import when they are first used."""

import subprocess
import sys

import pytest

import axonflow
from axonflow import app
from axonflow.adapters import memory


@pytest.mark.parametrize("package", [axonflow, app, memory], ids=lambda package: package.__name__)
def test_package_gives_every_name_that_it_tells_and_refuses_others(package):
    for name in package.__all__:
        assert getattr(package, name).__name__ == name
    with pytest.raises(AttributeError, match=f"module '{package.__name__}' has no attribute 'nothing'"):
        package.nothing  # noqa: B018  to ask is what is tried


def test_import_of_the_library_alone_imports_no_engine():
    said = "import sys, axonflow; print(*[one for one in ('pydantic', 're2', 'asyncpg') if one in sys.modules])"
    assert subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True).stdout == "\n"
