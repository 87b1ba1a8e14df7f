"""Hostile policies, expressions and requests: ``nox -s fuzz``. The tests run a small part on every change.

python tests/fuzz/run_all.py [--seconds 600] [--seed N] [--case N | --guided]

Cases run in a child process that the system ends when a case takes more than CASE_CPU_S seconds of processor time, and
that may take MEMORY_BYTES in all. Each fault is reported with seed and number; the next child goes on behind it.
"""

import argparse
import json
import os
import resource
import secrets
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.fuzz.trial import Trial  # noqa: E402  found by way of the line above

CASE_CPU_S = 20
"""Of processor time, not of the clock, so that a busy machine finds no hangs."""
MEMORY_BYTES = 2 * 1024**3
CASES_PER_CHILD = 2_000
MAX_FAULTS = 50


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    parser.add_argument("--case", type=int, help="run only this one, and show it")
    parser.add_argument("--guided", action="store_true", help="let atheris choose the cases; see tests/fuzz/guided.py")
    options = parser.parse_args()
    if options.case is not None:
        show(options.seed, options.case)
        return
    print(f"seed {options.seed}: hostile input for {options.seconds:.0f} s", flush=True)
    if options.guided:
        command = [sys.executable, "-m", "tests.fuzz.guided", str(int(options.seconds)), str(options.seed)]
        sys.exit(subprocess.run(command, check=False, cwd=ROOT).returncode)
    count, faults = fuzz(options.seed, seconds=options.seconds)
    print(f"{count:,} cases, {len(faults)} faults")
    for fault in faults:
        print(f"\n{fault}")
    sys.exit(1 if faults else 0)


def fuzz(seed, seconds=float("inf"), cases=float("inf"), program="tests.fuzz.run_all"):
    """How many cases were run, and what was found: one text for each fault, the same fault once."""
    ends_s = time.monotonic() + seconds
    number, found = 0, {}
    while time.monotonic() < ends_s and number < cases and len(found) < MAX_FAULTS:
        number, faults = child(program, seed, number, min(number + CASES_PER_CHILD, cases), ends_s)
        for case, key, fault in faults:
            if key not in found:
                print(f"fault: --seed {seed} --case {case}: {key}", flush=True)
            found.setdefault(key, f"--seed {seed} --case {case}: {fault}")
    return number, list(found.values())


def child(program, seed, first, last, ends_s):
    """The number behind the last case that was run, and the faults: (number, what is the same of the same, text)."""
    command = [sys.executable, "-m", program, "child", str(seed), str(first), str(last), str(ends_s)]
    process = subprocess.run(command, check=False, capture_output=True, text=True, errors="replace", cwd=ROOT)
    lines = [json.loads(line) for line in process.stdout.splitlines()]
    reached = 1 + max((line for line in lines if isinstance(line, int)), default=first - 1)
    faults = [tuple(line) for line in lines if not isinstance(line, int)]
    if process.returncode == -signal.SIGPROF:
        faults.append((reached - 1, f"hang of case {reached - 1}", "it took too much processor time"))
    elif process.returncode:
        how = f"ended with {process.returncode}"
        faults.append((reached - 1, f"{how} {process.stderr[-100:]}", f"{how}\n{process.stderr}"))
    return reached, faults


def run_cases(make_trial, seed, first, last, ends_s, cpu_s=CASE_CPU_S):
    """In the child: one case after the other, each announced before it starts, so that its end has a culprit."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    with tempfile.TemporaryDirectory() as folder:
        trial = make_trial(folder)
        for number in range(first, last):
            if time.monotonic() > ends_s and number > first:
                break
            tell(number)
            signal.setitimer(signal.ITIMER_PROF, cpu_s)
            try:
                trial.run(seed, number)
            except Exception as error:  # noqa: BLE001  whatever it is, it is what we are looking for
                tell((number, same(error), traceback.format_exc()))
        signal.setitimer(signal.ITIMER_PROF, 0)


def tell(value):
    os.write(1, json.dumps(value).encode() + b"\n")


def same(error):
    """What two findings of one fault have in common: the kind of error, and the last line of ours it came through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if str(ROOT) in frame.filename]
    return f"{type(error).__name__} at {Path(frames[-1].filename).relative_to(ROOT)}:{frames[-1].lineno}"


def show(seed, number):
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(folder)
        kind, _, made = trial.make(seed, number)
        print(f"{kind}: {shown(made)}", flush=True)
        trial.run(seed, number)
    print("no fault")


def shown(made):
    try:
        return f"{made!a:.4000}"
    except (ValueError, RecursionError) as error:  # an integer or a list that Python does not write
        return f"a {type(made).__name__} that cannot be shown: {error}"


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        run_cases(Trial, *map(int, sys.argv[2:5]), float(sys.argv[5]))
    else:
        main()
