"""`axonflow demo`, which is what a newcomer runs first."""

import json
import os

import pytest

from tests.postgres import temporary_data_folder
from tests.running import axonflow

pytestmark = pytest.mark.slow


def test_demo_shows_that_everything_is_as_it_should_be_and_leaves_nothing():
    with temporary_data_folder() as folder:
        done = axonflow("demo", "--json", env={**os.environ, "TMPDIR": str(folder.parent)})
        left = list(folder.parent.iterdir())
    assert done.returncode in (0, 1), done.stderr
    summary = json.loads(done.stdout)
    assert (done.returncode, summary["passed"]) == (0, True), summary
    assert summary["in_process"]["matched"] == summary["over_http"]["matched"] > 400
    assert summary["audit_records"] >= summary["audit_answered"]
    assert left == []
