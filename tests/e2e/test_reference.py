"""The pages of docs/reference against the code they describe."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from axonflow import Request
from axonflow.cli import commands
from axonflow.policy.cel.library import EXTENSIONS, FUNCTIONS
from axonflow.policy.cel.values import CelError
from tests.e2e.bad_input import COMMANDS, POLICIES, REQUESTS, RULE, answer
from tests.unit.policy.cel.expressions import value

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
PAGE = FOLDER / "expressions.md"
START, END = "<!-- functions: generated from axonflow/policy/cel/library -->\n", "<!-- end of functions -->"
BAD_INPUT = (FOLDER / "bad-input.md").read_text("utf-8").splitlines()


def form(row):
    """How the function is written, by the types of its arguments."""
    target, *others = row.parameters if row.is_method else (None, *row.parameters)
    arguments = ", ".join(others) + ("..." if row.variadic else "")
    return f"{target}.{row.name}({arguments})" if row.is_method else f"{row.name}({arguments})"


def in_cell(text):
    return text.replace("|", "\\|")


def generated():
    lines = []
    for extension, rows in EXTENSIONS.items():
        lines += [f"### {extension}", "", "| function | gives | what | true |", "|---|---|---|---|"]
        lines += [
            f"| `{form(row)}` | {row.result} | {in_cell(row.summary)} | `{in_cell(row.example)}` |" for row in rows
        ]
        lines.append("")
    return "\n".join(lines)


def test_expressions_page_lists_every_function():
    text = PAGE.read_text("utf-8")
    assert text[text.index(START) + len(START) : text.index(END)] == generated(), "put this there:\n" + generated()


@pytest.mark.parametrize("row", FUNCTIONS.values(), ids=form)
def test_expressions_example_of_a_function_is_true(row):
    assert value(row.example) is True


def errors_of_the_page():
    rows = re.findall(r"^\| `(.+)` \| `(.+)` \|$", PAGE.read_text("utf-8").split("## Errors")[1], re.MULTILINE)
    assert len(rows) >= 9
    return rows


@pytest.mark.parametrize(("expression", "message"), errors_of_the_page())
def test_expressions_page_says_how_an_expression_fails(expression, message):
    context = {"env": "prod", "risk": 5, "list": [1]}
    with pytest.raises(CelError) as raised:
        value(expression, Request("user:ann", "tool.call", "tool:x", context))
    assert str(raised.value) == message


# -- bad-input.md: its rows are the cases of bad_input.py, and say what is answered to each


def row(*cells):
    return f"| {' | '.join(cells)} |"


@pytest.mark.parametrize("cases", [REQUESTS, POLICIES], ids=["requests", "policies"])
def test_bad_input_page_says_what_the_library_answers(cases, tmp_path, monkeypatch):
    rows = []
    for number, (what, case) in enumerate(cases.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        monkeypatch.chdir(folder)
        rows.append(row(what, f"`{answer(case)}`"))
    assert [line for line in rows if line not in BAD_INPUT] == [], "put these there:\n" + "\n".join(rows)


@pytest.mark.parametrize("what", COMMANDS)
def test_bad_input_page_says_what_the_command_line_answers(what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("bad.yaml").write_text(RULE % "wen: x")
    arguments, given, exit_code, part = COMMANDS[what]
    result = CliRunner().invoke(commands, arguments, input=given, prog_name="axonflow")
    assert (result.exit_code, part in result.output) == (exit_code, True), result.output
    assert row(what, f"`{part}`", str(exit_code)) in BAD_INPUT
