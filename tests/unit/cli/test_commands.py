"""What all commands have in common: help, versions, completion, names that are not known, tables."""

import json

import click
import pytest

import axonflow
from axonflow.cli import commands
from axonflow.cli.tables import fields, printable, table


def walk(group, path=()):
    context = click.Context(group, info_name="axonflow")
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from walk(command, (*path, name))


ALL = dict(walk(commands))


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_of_every_command_teaches(run, path):
    result = run(*path, "--help")
    assert result.exit_code == 0
    assert "Example" in result.stdout or "start-up file" in result.stdout
    if not isinstance(ALL[path], click.Group):
        assert "Exit code" in result.stdout
    assert not [line for line in result.stdout.splitlines() if len(line) > 80]


def test_help_lists_every_command_with_a_whole_sentence(run):
    result = run("--help")
    assert result.exit_code == 0
    for name in commands.list_commands(None):
        assert f"  {name} " in result.stdout
    assert "..." not in result.stdout.partition("\nCommands:\n")[2]


@pytest.mark.parametrize("args", [("version",), ("--version",)])
def test_version_is_that_of_the_package(run, args):
    result = run(*args)
    assert (result.exit_code, result.stdout) == (0, f"axonflow {axonflow.__version__}\n")


def test_version_as_json_names_python_too(run):
    assert set(json.loads(run("version", "--json").stdout)) == {"axonflow", "python"}


@pytest.mark.parametrize(("args", "message"), [(("reply",), "'replay'"), (("policy", "chekc"), "'check'")])
def test_unknown_command_is_bad_input_with_a_suggestion(run, args, message):
    result = run(*args)
    assert result.exit_code == 2
    assert message in result.stderr


def test_unknown_command_unlike_any_is_bad_input(run):
    assert run("zzzzzz").exit_code == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(run, shell):
    result = run("completion", shell)
    assert result.exit_code == 0
    assert f"_AXONFLOW_COMPLETE={shell}_complete" in result.stdout


def test_completion_for_another_shell_is_bad_input(run):
    assert run("completion", "tcsh").exit_code == 2


@pytest.mark.parametrize(
    ("text", "shown"),
    [("plain é", "plain é"), ("a\x1b[0m", "a\\x1b[0m"), ("a\nb\u202e", "a\\nb\\u202e"), ("\udcff", "\\udcff")],
)
def test_printable_escapes_what_steers_a_terminal(text, shown):
    assert printable(text) == shown


def test_printable_cuts_what_is_too_long():
    assert printable("x" * 20, 10) == "xxxxxxx..."


def test_table_aligns_columns_and_colours_words():
    plain = click.unstyle(table([("a", 1), ("deny", 20)], ("name", "n"), right=frozenset({1})))
    assert plain == "  name   n\n  a      1\n  deny  20"
    assert "\x1b[31m" in table([("deny",)], ("name",))


def test_fields_leave_out_what_is_empty():
    assert fields([("a", "1\n2"), ("long", ""), ("bc", "3")]) == "a   1\n    2\nbc  3"
