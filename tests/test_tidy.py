"""The house rules that no linter knows."""

import ast
import re
from pathlib import Path

import pytest

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
PURE_PARTS = {"policy", "plan", "audit", "chat", "detect", "tenancy"}
PURE = [path for path in SHIPPED if path.relative_to(ROOT).parts[1] in PURE_PARTS]

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50
MAX_PROTOCOL_METHODS = 5
VAGUE = {"util", "utils", "helper", "helpers", "manager", "base", "common", "misc", "stuff", "core", "lib"}
QUANTITIES = re.compile(
    r"(^|_)(timeout|duration|latency|delay|interval|age|elapsed|ttl|size|length|amount_of|budget|cost|price)$"
)
MEASURED = {"int", "float"}


def named(path):
    return str(path.relative_to(ROOT))


def tree(path):
    return ast.parse(path.read_text("utf-8"))


def functions(path):
    return [node for node in ast.walk(tree(path)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


@pytest.mark.parametrize("path", [*SHIPPED, *TESTS], ids=named)
def test_file_is_at_most_400_lines(path):
    assert len(path.read_text("utf-8").splitlines()) <= MAX_FILE_LINES


@pytest.mark.parametrize("path", SHIPPED, ids=named)
def test_functions_are_at_most_50_lines(path):
    long = [node.name for node in functions(path) if node.end_lineno - node.lineno + 1 > MAX_FUNCTION_LINES]
    assert not long


@pytest.mark.parametrize("path", SHIPPED, ids=named)
def test_file_has_a_name_that_says_what_is_in_it(path):
    assert not set(path.relative_to(ROOT).with_suffix("").parts) & VAGUE


@pytest.mark.parametrize("path", SHIPPED, ids=named)
def test_module_says_what_it_is(path):
    assert ast.get_docstring(tree(path))


@pytest.mark.parametrize("path", PURE, ids=named)
def test_pure_core_awaits_nothing(path):
    waiting = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    assert not [node.lineno for node in ast.walk(tree(path)) if isinstance(node, waiting)]


@pytest.mark.parametrize("path", SHIPPED, ids=named)
def test_numeric_fields_end_in_their_unit(path):
    """A field or parameter that holds a quantity says of what: `timeout_ms`, not `timeout`."""
    bare = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            bare.append((node.target.id, node.annotation))
        elif isinstance(node, ast.arg) and node.annotation is not None:
            bare.append((node.arg, node.annotation))
    wrong = [
        name
        for name, kind in bare
        if QUANTITIES.search(name) and {n.id for n in ast.walk(kind) if isinstance(n, ast.Name)} & MEASURED
    ]
    assert not wrong


@pytest.mark.parametrize("path", SHIPPED, ids=named)
def test_protocols_have_at_most_five_methods(path):
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ClassDef) and any(
            isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases
        ):
            assert (
                sum(isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef)) for item in node.body)
                <= MAX_PROTOCOL_METHODS
            )


def test_every_module_is_used():
    """No dead modules: each is imported somewhere, or is an entry point."""
    imported = set()
    for path in [*SHIPPED, *TESTS, *ROOT.glob("*.py")]:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ImportFrom) and node.module:
                imported |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            elif isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
    entry_points = {
        "axonflow_sidecar.commands.demo",
        "axonflow_sidecar.commands.up",
        "axonflow.samples.trip_plan",
        "axonflow.samples.ten_agents",
        "axonflow.samples",
        "axonflow.cli.__main__",
        "axonflow.__main__",
    }
    for path in SHIPPED:
        parts = list(path.relative_to(ROOT).with_suffix("").parts)
        if parts[0] == "sidecar" or parts[0] == "integrations":
            parts = parts[1:] if parts[0] == "sidecar" else parts[2:]
        name = ".".join(parts).removesuffix(".__init__")
        lazily = any(f'"{name}"' in other.read_text("utf-8") for other in SHIPPED)
        only_a_folder = path.name == "__init__.py" and len(tree(path).body) == 1
        assert name in imported | entry_points or lazily or only_a_folder, f"{name} is imported nowhere"


@pytest.mark.parametrize("path", TESTS, ids=named)
def test_tests_say_their_outcome_and_wait_for_nothing(path):
    for node in functions(path):
        if node.name.startswith("test_"):
            assert node.name.count("_") >= 3, f"{node.name}: test_<unit>_<condition>_<outcome>"
    source = path.read_text("utf-8")
    assert not re.search(r"\b(time|asyncio)\.sleep\((?!0\))", source) or path.name == "test_tidy.py"


def test_public_names_are_a_dozen_or_so():
    import axonflow

    assert len(axonflow.__all__) <= 12
