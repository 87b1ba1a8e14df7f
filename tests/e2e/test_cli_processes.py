"""The command line as a process: exit codes, streams, pipes, signals, a terminal."""

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "axonflow.cli"]
ASK = ["decide", "--policies", "@baseline", "--principal", "user:ann", "--action", "tool.call", "--context", "env=prod"]
LINE = json.dumps(
    {"request": {"principal": "user:ann", "action": "tool.call", "resource": "tool:search", "context": {"env": "dev"}}}
)


def environment(**more):
    known = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "PYTHONIOENCODING"}}
    path = os.pathsep.join(filter(None, [str(ROOT), known.get("PYTHONPATH")]))
    return {**known, "PYTHONPATH": path, "TERM": "xterm", **more}


def axonflow(*args, cwd, input=None, **env):  # noqa: A002  subprocess's word
    return subprocess.run(
        [*COMMAND, *args], cwd=cwd, input=input, capture_output=True, env=environment(**env), check=False, timeout=120
    )


def traffic(folder, count=200):
    (folder / "t.jsonl").write_text(f"{LINE}\n" * count)
    return "t.jsonl"


def on_terminal(*args, cwd, stream, **env):
    """What the process writes to `stream`, which is a terminal; the other one is not."""
    ours, theirs = pty.openpty()
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: theirs}
    with subprocess.Popen([*COMMAND, *args], cwd=cwd, env=environment(**env), **streams) as process:
        os.close(theirs)
        shown = b""
        try:
            while part := os.read(ours, 65536):
                shown += part
        except OSError:  # Linux: the other end is closed
            pass
        os.close(ours)
    return process.returncode, shown.decode()


@pytest.mark.parametrize(
    ("args", "exit_code", "on_stdout", "on_stderr"),
    [
        (["version"], 0, "axonflow ", ""),
        ([*ASK, "--resource", "tool:search"], 0, "allow (allowed)", ""),
        ([*ASK, "--resource", "tool:shell"], 1, "deny (not allowed)", ""),
        ([*ASK, "--resource", "shell"], 2, "", "error: "),
        (["replay", "missing.jsonl", "--policies", "@baseline"], 2, "", "missing.jsonl"),
        (["replay", "-"], 2, "", "axonflow policy init policies/"),
        (["nonsense"], 2, "", "No such command"),
    ],
)
def test_process_ends_with_its_code_and_keeps_streams_apart(tmp_path, args, exit_code, on_stdout, on_stderr):
    done = axonflow(*args, cwd=tmp_path)
    assert done.returncode == exit_code
    for text, wanted in ((done.stdout.decode(), on_stdout), (done.stderr.decode(), on_stderr)):
        assert wanted in text
        assert bool(text) is bool(wanted)
    assert b"Traceback" not in done.stderr


def test_process_without_a_terminal_shows_neither_progress_nor_colour(tmp_path):
    done = axonflow("replay", traffic(tmp_path), "--policies", "@baseline", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr == b""
    assert b"\x1b" not in done.stdout


def test_replay_of_a_file_on_a_terminal_shows_a_bar_and_wipes_it(tmp_path):
    exit_code, shown = on_terminal(
        "replay", traffic(tmp_path), "--policies", "@baseline", cwd=tmp_path, stream="stderr"
    )
    assert exit_code == 0
    assert "[####" in shown
    assert "% " in shown
    assert "requests" in shown
    assert shown.endswith("\r\x1b[K")


@pytest.mark.parametrize(
    ("variable", "value", "coloured"), [("A", "1", True), ("NO_COLOR", "1", False), ("TERM", "dumb", False)]
)
def test_output_on_a_terminal_has_colour_unless_told_otherwise(tmp_path, variable, value, coloured):
    args = (*ASK, "--resource", "tool:shell")
    exit_code, shown = on_terminal(*args, cwd=tmp_path, stream="stdout", **{variable: value})
    assert exit_code == 1
    assert ("\x1b[31mdeny" in shown) is coloured
    assert ("\x1b" in shown) is coloured


def test_replay_of_a_pipe_reads_it_to_its_end(tmp_path):
    done = axonflow(
        "replay", "-", "--policies", "@baseline", "--json", cwd=tmp_path, input=f"{LINE}\nbad\n{LINE}".encode()
    )
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert (found["decided"], found["malformed"]["count"]) == (2, 1)
    assert done.stderr.decode().startswith("line 2: not JSON")


def test_replay_whose_reader_went_away_ends_quietly(tmp_path):
    args = [*COMMAND, "replay", traffic(tmp_path), "--policies", "@baseline"]
    with subprocess.Popen(
        args, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.close()
        complaint = process.stderr.read()
    assert process.returncode == 141
    assert complaint == b""


FULL = Path("/dev/full")
NEEDS_FULL = pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")


@NEEDS_FULL
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "args",
    [["version"], ["--help"], [*ASK, "--resource", "tool:search"], ["policy", "init", "new"]],
    ids=["version", "help", "decide", "init"],
)
def test_output_that_a_full_disk_does_not_take_is_one_message_and_an_exit_code_of_its_own(tmp_path, args, unbuffered):
    env = environment(PYTHONUNBUFFERED=unbuffered)
    with FULL.open("wb") as full:
        how = {"cwd": tmp_path, "env": env, "stdout": full, "timeout": 120}
        done = subprocess.run([*COMMAND, *args], stderr=subprocess.PIPE, check=False, **how)
        assert (done.returncode, done.stderr.count(b"\n")) == (74, 1)
        assert b"error: the output cannot be written: No space left on device" in done.stderr
        assert subprocess.run([*COMMAND, *args], stderr=full, check=False, **how).returncode == 74


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(
    ("args", "exit_code"),
    [
        (["version"], 0),
        ([*ASK, "--resource", "tool:shell"], 1),
        (["replay", "-", "--policies", "@baseline"], 0),
        (["decide", "-", "--policies", "@baseline"], 2),
        (["nosuch"], 2),
    ],
    ids=["version", "decide", "replay", "stdin", "usage"],
)
def test_command_with_a_closed_stream_shows_no_traceback_and_keeps_its_exit_code(tmp_path, args, exit_code, closed):
    script = f'exec "$@" {closed}'
    done = subprocess.run(
        ["sh", "-c", script, "sh", *COMMAND, *args],
        cwd=tmp_path, env=environment(), input=b"", capture_output=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == exit_code
    assert b"Traceback" not in done.stderr


def test_replay_interrupted_while_it_waits_prints_what_it_has(tmp_path):
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    args = [*COMMAND, "replay", "-", "--policies", "@baseline", "--json"]
    with subprocess.Popen(args, cwd=tmp_path, env=environment(), **pipes) as process:
        process.stdin.write(f"{LINE}\nbad\n".encode())
        process.stdin.flush()
        assert process.stderr.readline().startswith(b"line 2: ")  # so it has come to the third, which does not come
        process.send_signal(signal.SIGINT)
        found = json.loads(process.stdout.read())
    assert process.returncode == 130
    assert (found["decided"], found["interrupted"]) == (1, True)


def test_names_that_no_locale_can_print_are_escaped(tmp_path):
    (tmp_path / "t.jsonl").write_text(LINE.replace("tool:search", "tool:日本"), "utf-8")
    done = axonflow("replay", "t.jsonl", "--policies", "@baseline", cwd=tmp_path, PYTHONIOENCODING="latin-1")
    assert done.returncode == 0
    assert b"tool:\\u65e5\\u672c" in done.stdout


def test_completion_answers_the_shell(tmp_path):
    done = axonflow(
        cwd=tmp_path, _AXONFLOW_COMPLETE="bash_complete", COMP_WORDS="axonflow policy ch", COMP_CWORD="2"
    )  # fmt: skip
    assert done.stdout.decode().split() == ["plain,check"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_completion_evaluated_by_bash_completes(tmp_path):
    script = tmp_path / "axonflow"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m axonflow.cli "$@"\n')
    script.chmod(0o755)
    text = (
        'eval "$(axonflow completion bash)"; complete -p axonflow; '
        'COMP_WORDS=(axonflow rep); COMP_CWORD=1; _axonflow_completion axonflow; echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", text],
        env=environment(PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}"),
        capture_output=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.decode().splitlines()[-1] == "replay"
