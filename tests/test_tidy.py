"""The house rules that no linter knows. A rule looks at all files in one test: a test for each took a minute of CI."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
SHIPPED = sorted(
    path
    for folder in (
        "axonflow",
        "sidecar/axonflow_sidecar",
        "integrations/langchain/langchain_axonflow",
        "integrations/llamaindex/llama_index",
    )
    for path in (ROOT / folder).rglob("*.py")
)
TESTS = sorted((ROOT / "tests").rglob("*.py"))
PURE = {"policy", "plan", "audit", "chat", "detect", "tenancy"}

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50
MAX_PROTOCOL_METHODS = 5
VAGUE = {"util", "utils", "helper", "helpers", "manager", "base", "common", "misc", "stuff", "core", "lib"}
QUANTITIES = re.compile(
    r"(^|_)(timeout|duration|latency|delay|interval|age|elapsed|ttl|size|length|amount_of|budget|cost|price)$"
)
MEASURED = {"int", "float"}
IMPORTS = re.compile(r"^\s*(?:from ([\w.]+) import (\([^)]*\)|[^\n(]*)|import ([\w.]+))", re.MULTILINE)
"""As text: to walk the trees of all tests took ten times as long as all other rules."""


@cache
def text(path):
    return path.read_text("utf-8")


@cache
def tree(path):
    return ast.parse(text(path))


def named(path):
    return str(path.relative_to(ROOT))


def functions(path):
    return [node for node in ast.walk(tree(path)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def test_file_is_at_most_400_lines():
    assert not [named(path) for path in [*SHIPPED, *TESTS] if len(text(path).splitlines()) > MAX_FILE_LINES]


def test_functions_are_at_most_50_lines():
    every = [(named(path), node) for path in SHIPPED for node in functions(path)]
    assert not [
        (path, node.name) for path, node in every if node.end_lineno - node.lineno + 1 > MAX_FUNCTION_LINES
    ]  # fmt: skip


def test_file_has_a_name_that_says_what_is_in_it():
    assert not [named(path) for path in SHIPPED if set(path.relative_to(ROOT).with_suffix("").parts) & VAGUE]


def test_module_says_what_it_is():
    assert not [named(path) for path in SHIPPED if not ast.get_docstring(tree(path))]


def test_pure_core_awaits_nothing():
    waiting = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    pure = [path for path in SHIPPED if path.relative_to(ROOT).parts[1] in PURE]
    assert not [
        (named(path), node.lineno) for path in pure for node in ast.walk(tree(path)) if isinstance(node, waiting)
    ]  # fmt: skip


def quantities(path):
    """The fields and parameters with annotations, and these."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id, node.annotation
        elif isinstance(node, ast.arg) and node.annotation is not None:
            yield node.arg, node.annotation


def test_numeric_fields_end_in_their_unit():
    """A field or parameter that holds a quantity says of what: `timeout_ms`, not `timeout`."""
    assert not [
        (named(path), name)
        for path in SHIPPED
        for name, kind in quantities(path)
        if QUANTITIES.search(name) and {n.id for n in ast.walk(kind) if isinstance(n, ast.Name)} & MEASURED
    ]


def test_protocols_have_at_most_five_methods():
    long = []
    for path in SHIPPED:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef) and any(
                isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases
            ):
                methods = sum(isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef)) for item in node.body)
                long += [(named(path), node.name)] * (methods > MAX_PROTOCOL_METHODS)
    assert not long


def test_every_module_is_used():
    """No dead modules: each is imported somewhere, or is an entry point."""
    imported = set()
    for path in [*SHIPPED, *TESTS, *ROOT.glob("*.py")]:
        for module, names, plain in IMPORTS.findall(text(path)):
            own = re.findall(r"(\w+)(?: as \w+)?", names.replace("#", ""))
            imported |= {module, plain, *(f"{module}.{name}" for name in own)}
    entry_points = {
        "axonflow_sidecar.commands.demo",
        "axonflow_sidecar.commands.up",
        "axonflow_sidecar.hosting.__main__",
        "axonflow.samples.trip_plan",
        "axonflow.samples.ten_agents",
        "axonflow.samples",
        "axonflow.cli.__main__",
        "axonflow.__main__",
        "axonflow.pytest_plugin",
    }
    for path in SHIPPED:
        parts = list(path.relative_to(ROOT).with_suffix("").parts)
        if parts[0] == "sidecar" or parts[0] == "integrations":
            parts = parts[1:] if parts[0] == "sidecar" else parts[2:]
        name = ".".join(parts).removesuffix(".__init__")
        if name in imported | entry_points:
            continue
        lazily = any(f'"{name}"' in text(other) for other in SHIPPED)
        only_a_folder = path.name == "__init__.py" and len(tree(path).body) == 1
        assert lazily or only_a_folder, f"{name} is imported nowhere"


def test_tests_say_their_outcome_and_wait_for_nothing():
    for path in TESTS:
        for name in re.findall(r"^\s*(?:async )?def (test_\w+)", text(path), re.MULTILINE):
            assert name.count("_") >= 3, f"{named(path)}: {name}: test_<unit>_<condition>_<outcome>"
        sleeps = re.search(r"\b(time|asyncio)\.sleep\((?!0\))", text(path))
        assert not sleeps or path.name == "test_tidy.py", named(path)


def test_public_names_are_a_dozen_or_so():
    import axonflow

    assert len(axonflow.__all__) <= 12
