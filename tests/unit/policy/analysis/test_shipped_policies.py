"""What is shipped to be copied raises no alarm: neither the baseline nor the pages of the cookbook."""

import re
from pathlib import Path

import pytest

from axonflow import AxonFlow
from axonflow.adapters.yaml_text import parse_yaml
from axonflow.app import policy_sources
from axonflow.cli.policy.analysis import origins_of
from axonflow.policy.analysis.analysing import analyse
from axonflow.policy.compiling.compiling import load_sets

COOKBOOK = sorted((Path(__file__).parents[4] / "docs/how-to/cookbook").glob("*.md"))
KINDS = {"PolicySet", "PolicyTemplate"}


def documents(page):
    for block in re.findall(r"^```yaml\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE):
        found = parse_yaml(block, page.name)
        if found and all(isinstance(one, dict) and one.get("kind") in KINDS for one in found):
            yield found


@pytest.mark.parametrize("page", COOKBOOK, ids=lambda page: page.stem)
def test_policies_of_the_cookbook_have_no_findings_and_nothing_undecided(page):
    together = list(documents(page))
    assert together
    for found in together:
        flow = AxonFlow.open(found, redaction_key=bytes(32), vault="memory")
        loaded, _ = load_sets(policy_sources(found))
        analysis = analyse(flow.policies, origins_of(loaded))
        assert (analysis.findings, analysis.undecided) == ((), ())
