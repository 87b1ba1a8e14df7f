"""The documents that newcomers read do what they say: their Python runs, their policies load and pass their tests."""

import contextlib
import os
import re
from pathlib import Path

import pytest

from axonflow import AxonFlow
from axonflow.adapters.yaml_text import parse_yaml
from axonflow.app import policy_sources
from axonflow.app.plans import plan_from
from axonflow.plan.planner.catalogue import agent_config_of_document
from axonflow.policy.compiling.compiling import load_sets
from axonflow.policy.documents.checking import run_rule_tests
from tests.sidecar.doors import ACME, Doors
from tests.sidecar.serving import served

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*/README.md"), *ROOT.glob("*/*/README.md")]
)
PAGES = [page for page in PAGES if not {".venv", ".venv-test", ".nox"} & set(page.relative_to(ROOT).parts)]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks(page, language):
    return [body for kind, body in FENCE.findall(page.read_text("utf-8")) if kind == language]


@pytest.fixture
def an_agent(tmp_path):
    """What serves the policies of a page, and the keys of two clients."""
    with contextlib.ExitStack() as stack:

        def serving(page):
            doors = Doors(parse_yaml(blocks(page, "yaml")[0], page.name)[0])
            server = stack.enter_context(served(doors.agent, tmp_path / "tls"))
            doors.post("/v1/tenants", {"tenant_id": "acme"})
            keys = [
                doors.post("/v1/keys", {"client_id": role, "roles": [role]}, ACME).json()["key"]
                for role in ("agent", "approver")
            ]
            return {
                "agent_url": f"http://127.0.0.1:{server.plain.port}", "key": keys[0], "approver_key": keys[1]
            }  # fmt: skip

        yield serving


@pytest.mark.parametrize(
    "page", [p for p in PAGES if blocks(p, "python")], ids=lambda page: str(page.relative_to(ROOT))
)
def test_docs_python_of_a_page_runs_from_top_to_bottom(page, tmp_path, monkeypatch, request):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "docs"}
    if "database_url" in page.read_text("utf-8"):
        names["database_url"] = request.getfixturevalue("new_database")
    if "agent_url" in page.read_text("utf-8"):
        names |= request.getfixturevalue("an_agent")(page)
    for body in blocks(page, "python"):
        exec(compile(body, str(page), "exec"), names)


def policies():
    """The policy sets of each YAML block; those that stand in one block belong together."""
    for page in PAGES:
        for body in blocks(page, "yaml"):
            documents = [one for one in parse_yaml(body, page.name) if isinstance(one, dict)]
            sets = [one for one in documents if one.get("kind") in {"PolicySet", "PolicyTemplate"}]
            if sets:
                yield pytest.param(sets, id=f"{page.relative_to(ROOT)}:{sets[0]['metadata']['name']}")


@pytest.mark.parametrize("sets", list(policies()))
def test_docs_policies_load_and_their_tests_hold(sets):
    loaded, problems = load_sets(policy_sources(sets))
    assert not problems
    outcomes = run_rule_tests(loaded, AxonFlow.open(sets, redaction_key=bytes(32), vault="memory").decide)
    assert [outcome for outcome in outcomes if not outcome.passed] == []


def plan_documents():
    for page in PAGES:
        for body in blocks(page, "yaml"):
            if any(isinstance(one, dict) and one.get("kind") == "Plan" for one in parse_yaml(body, page.name)):
                yield pytest.param(body, id=str(page.relative_to(ROOT)))


@pytest.mark.parametrize("body", list(plan_documents()))
def test_docs_plans_are_read_without_a_fault(body, tmp_path):
    (tmp_path / "plan.yaml").write_text(body, "utf-8")
    assert plan_from(tmp_path / "plan.yaml").steps


def test_docs_agent_configs_are_those_of_a_planner():
    documents = [one for page in PAGES for body in blocks(page, "yaml") for one in parse_yaml(body, page.name)]
    found = [one for one in documents if isinstance(one, dict) and one.get("kind") == "AgentConfig"]
    assert [agent_config_of_document(one).domain for one in found] == ["travel"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_docs_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        if "://" not in target:
            assert os.path.exists(page.parent / target), f"{page.name} links to {target}"
