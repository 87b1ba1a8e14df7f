"""Entry points: what another distribution brings, and what is said when it brings nothing or cannot be imported."""

from importlib.metadata import EntryPoint

import click
import pytest
from click.testing import CliRunner

from axonflow import plugins
from axonflow.cli import sidecar
from axonflow.errors import ConfigurationError
from axonflow.plugins import COMMANDS, load


def offering(monkeypatch, *points):
    monkeypatch.setattr(plugins, "entry_points", lambda **wanted: points)


def test_plugin_that_is_installed_is_loaded():
    assert load(COMMANDS, "up", distribution="axonflow-sidecar").name == "up"


def test_plugin_that_is_not_installed_names_its_distribution():
    with pytest.raises(ConfigurationError, match=r"pip install \./sidecar"):
        load(COMMANDS, "nothing of this name", distribution="axonflow-sidecar")


def test_plugin_that_cannot_be_imported_says_which_module(monkeypatch):
    offering(monkeypatch, EntryPoint("up", "no_such_module:command", COMMANDS))
    with pytest.raises(ConfigurationError, match="no_such_module"):
        load(COMMANDS, "up", distribution="axonflow-sidecar")


@pytest.mark.parametrize("value", ["no_such_module:command", "os:path"])
def test_command_without_its_distribution_is_listed_and_says_what_to_install(monkeypatch, value):
    offering(monkeypatch, EntryPoint("up", value, COMMANDS))
    command = sidecar.sidecar_command("up", "Start everything.")
    assert isinstance(command, click.Command)
    assert "axonflow-sidecar" in CliRunner().invoke(command, ["--help"]).output
    result = CliRunner().invoke(command, ["--port", "0"])
    assert isinstance(result.exception, ConfigurationError)
