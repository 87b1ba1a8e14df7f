"""The progress line: on a terminal, and nowhere else."""

import io
import os

import pytest

from axonflow import installation
from axonflow.cli.progress import Progress
from axonflow.cli.settings import Settings, read_settings
from axonflow.installation import default_folder


class Screen(io.StringIO):
    def __init__(self, terminal):
        super().__init__()
        self.terminal = terminal

    def isatty(self):
        return self.terminal


class Clock:
    """Nanoseconds, moved by hand."""

    now_ns = 0

    def __call__(self):
        return self.now_ns


def progress(screen, clock, whole=200, motion=True):
    return Progress(screen, Settings(colour=True, motion=motion), whole=whole, position=lambda: 50, clock_ns=clock)


def test_progress_of_a_file_shows_a_bar_of_its_bytes():
    screen, clock = Screen(terminal=True), Clock()
    bar = progress(screen, clock)
    clock.now_ns = 2_000_000_000
    bar.update(1000)
    assert "[########----------------------]  25%  1,000 requests, 500/s" in screen.getvalue()


def test_progress_of_a_stream_shows_a_count_only():
    screen, clock = Screen(terminal=True), Clock()
    progress(screen, clock, whole=0).update(7)
    assert screen.getvalue() == "\r\x1b[K7 requests"


def test_progress_of_a_run_that_began_before_counts_from_there():
    screen, clock = Screen(terminal=True), Clock()
    clock.now_ns = 3_000_000_000
    Progress(
        screen, Settings(colour=True, motion=True), whole=0, position=lambda: 0, clock_ns=clock, unit="events",
        started_ns=1_000_000_000,
    ).update(1000)  # fmt: skip
    assert screen.getvalue() == "\r\x1b[K1,000 events, 500/s"


def test_progress_within_a_tenth_of_a_second_is_not_drawn_again():
    screen, clock = Screen(terminal=True), Clock()
    bar = progress(screen, clock)
    for now_ns in (0, 50_000_000, 99_000_000, 100_000_000):
        clock.now_ns = now_ns
        bar.update(1)
    assert screen.getvalue().count("requests") == 2


def test_progress_that_is_cleared_leaves_an_empty_line():
    screen, clock = Screen(terminal=True), Clock()
    bar = progress(screen, clock)
    bar.update(1)
    bar.clear()
    assert screen.getvalue().endswith("\r\x1b[K")


@pytest.mark.parametrize(("terminal", "motion"), [(False, True), (True, False)])
def test_progress_elsewhere_shows_nothing(terminal, motion):
    screen, clock = Screen(terminal), Clock()
    bar = progress(screen, clock, motion=motion)
    bar.update(1)
    bar.clear()
    assert screen.getvalue() == ""


@pytest.mark.parametrize(
    ("environment", "colour", "motion"),
    [
        ({}, True, True),
        ({"NO_COLOR": ""}, True, True),
        ({"NO_COLOR": "1"}, False, True),
        ({"TERM": "dumb"}, False, False),
        ({"TERM": "xterm"}, True, True),
    ],
)
def test_settings_from_an_environment_follow_it(environment, colour, motion):
    assert read_settings(environment)[:2] == (colour, motion)


@pytest.mark.parametrize(
    ("environment", "root", "data"),
    [
        ({"AXONFLOW_DATA": "/d", "XDG_DATA_HOME": "/x"}, True, "/d"),
        ({"XDG_DATA_HOME": "/x"}, False, "/x/axonflow"),
        ({"XDG_DATA_HOME": "/x"}, True, "/var/lib/axonflow"),
    ],
)
def test_settings_data_folder_is_the_named_one_or_the_usual_place(environment, root, data):
    assert str(default_folder(environment, root=root)) == data


def test_command_of_a_login_without_a_home_is_told_to_name_a_folder(run, monkeypatch):
    def home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(installation.Path, "home", home)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    for name in ("AXONFLOW_DATA", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    result = run("tenant", "list")
    assert (result.exit_code, "AXONFLOW_DATA=FOLDER" in result.stderr) == (2, True)


def test_settings_take_key_and_database_from_the_environment():
    settings = read_settings({"AXONFLOW_API_KEY": "k", "AXONFLOW_DATABASE_URL": "postgresql://x"})
    assert (settings.api_key, settings.database_url) == ("k", "postgresql://x")
