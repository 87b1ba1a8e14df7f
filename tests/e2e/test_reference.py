"""The pages of docs/reference against the code they describe."""

from pathlib import Path

import pytest

from axonflow.policy.cel.library import FUNCTIONS
from tests.unit.policy.cel.expressions import value

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "expressions.md"
START, END = "<!-- functions: generated from axonflow/policy/cel/library.py -->\n", "<!-- end of functions -->"


def form(row):
    """How the function is written, by the kinds of its arguments."""
    if row.is_method:
        return f"{row.parameters[0]}.{row.name}({', '.join(row.parameters[1:])})"
    return f"{row.name}({', '.join(row.parameters)})"


def generated():
    lines = ["| function | gives | what | true |", "|---|---|---|---|"]
    lines += [f"| `{form(row)}` | {row.result} | {row.summary} | `{row.example}` |" for row in FUNCTIONS.values()]
    return "\n".join(lines) + "\n"


def test_expressions_page_lists_every_function():
    text = PAGE.read_text("utf-8")
    assert text[text.index(START) + len(START) : text.index(END)] == generated(), "put this there:\n" + generated()


@pytest.mark.parametrize("row", FUNCTIONS.values(), ids=form)
def test_expressions_example_of_a_function_is_true(row):
    assert value(row.example) is True
