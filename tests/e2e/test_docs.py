"""The documents that newcomers read do what they say: their Python runs, their policies load and pass their tests."""

import os
import re
from pathlib import Path

import pytest

from axonflow import AxonFlow, Request
from axonflow.adapters.yaml_text import parse_yaml

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*/README.md"), *ROOT.glob("*/*/README.md")]
)
PAGES = [page for page in PAGES if not {".venv", ".venv-test", ".nox"} & set(page.relative_to(ROOT).parts)]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks(page, language):
    return [body for kind, body in FENCE.findall(page.read_text("utf-8")) if kind == language]


@pytest.mark.parametrize(
    "page", [p for p in PAGES if blocks(p, "python")], ids=lambda page: str(page.relative_to(ROOT))
)
def test_docs_python_of_a_page_runs_from_top_to_bottom(page, tmp_path, monkeypatch, request):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "docs"}
    if "database_url" in page.read_text("utf-8"):
        names["database_url"] = request.getfixturevalue("new_database")
    for body in blocks(page, "python"):
        exec(compile(body, str(page), "exec"), names)


def documents():
    return [
        pytest.param(document, id=f"{page.relative_to(ROOT)}:{document['metadata']['name']}")
        for page in PAGES
        for body in blocks(page, "yaml")
        for document in parse_yaml(body, page.name)
        if isinstance(document, dict) and document.get("kind") == "PolicySet"
    ]


@pytest.mark.parametrize("document", documents())
def test_docs_policy_loads_and_its_tests_hold(document):
    flow = AxonFlow.open(document)
    for rule in document["rules"]:
        for case in rule.get("tests", ()):
            assert flow.decide(Request(**case["request"])).effect == case["expect"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_docs_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        if "://" not in target:
            assert os.path.exists(page.parent / target), f"{page.name} links to {target}"
