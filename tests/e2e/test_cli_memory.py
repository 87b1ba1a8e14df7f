"""Replay takes the same memory for a file of any size, and for lines of any length."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.strategies import policy_set

ROOT = Path(__file__).parents[2]
MEBIBYTE = 1024 * 1024
MEASURED = """
import pathlib, resource, sys
sys.path.insert(0, sys.argv.pop(1))
from axonflow.cli import commands
try:
    commands.main(sys.argv[1:], prog_name="axonflow")
finally:
    status = pathlib.Path("/proc/self/status")  # rusage would count what the parent had when it forked
    if status.exists():
        peak = int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(peak, file=sys.stderr)
"""
RULES = [{"id": "yes", "effect": "allow"}, {"id": "no", "effect": "deny", "match": {"resource.id": "shell"}}]


def line(number):
    request = {
        "principal": f"user:u{number}",
        "action": "tool.call",
        "resource": f"tool:t{number}",
        "context": {"session": f"s{number}"},
        "content": f"text {number} " * 40,
    }
    return json.dumps({"request": request, "expect": {"effect": "deny"}}) + "\n"


def peak_bytes(folder):
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(ROOT), "replay", "t.jsonl", "--policies", "p.json", "--expect", "--json"],
        cwd=folder,
        capture_output=True,
        check=False,
        timeout=300,
    )
    return json.loads(done.stdout), int(done.stderr.split()[-1])


@pytest.mark.slow
def test_replay_of_thirty_megabytes_takes_the_memory_of_a_small_file(tmp_path):
    (tmp_path / "p.json").write_text(json.dumps(policy_set(RULES)))
    (tmp_path / "t.jsonl").write_text("".join(line(number) for number in range(100)))
    summary, small_bytes = peak_bytes(tmp_path)
    assert summary["decided"] == 100
    written_bytes = number = 0
    with (tmp_path / "t.jsonl").open("w") as file:
        while written_bytes < 30 * MEBIBYTE:
            written_bytes += file.write(line(number))
            if not number % 100:
                written_bytes += file.write("malformed\n")
            number += 1
    summary, large_bytes = peak_bytes(tmp_path)
    assert summary["decided"] == number
    assert large_bytes - small_bytes < 30 * MEBIBYTE


@pytest.mark.slow
def test_replay_of_an_endless_line_takes_no_more_than_the_longest_allowed(tmp_path):
    (tmp_path / "p.json").write_text(json.dumps(policy_set(RULES)))
    (tmp_path / "t.jsonl").write_text(line(1))
    _, small_bytes = peak_bytes(tmp_path)
    with (tmp_path / "t.jsonl").open("r+b") as file:
        file.truncate(200 * MEBIBYTE)  # NULs without a newline, after the first line
        file.seek(0, 2)
        file.write(b"\n" + line(2).encode())
    summary, large_bytes = peak_bytes(tmp_path)
    assert (summary["decided"], summary["malformed"]["count"]) == (2, 1)
    assert "too long" in summary["malformed"]["first"][0]["message"]
    assert large_bytes - small_bytes < 64 * MEBIBYTE
