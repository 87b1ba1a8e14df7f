"""The audit trail through everything that can die: ``nox -s audit_faults``. The tests do a part of it.

python tests/faults/audit_history.py [--rounds 100] [--seed N] [--round K] [--outage 600] [--rate 1000]
"""

import argparse
import os
import secrets
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.audit_faults import audited, drawn

QUIET_S = 30


def kills(installed, seed, numbers):
    """kill -9 of agents, PostgreSQL and both; the sum of what was answered, and what was not."""
    answered = failed = 0
    for number in numbers:
        fault = drawn(seed, number)
        print(f"round {number}: {fault}", end="", flush=True)
        round_answered, round_failed = installed.round(f"r{number}", fault)
        print(f": {round_answered:,} answered, {round_failed:,} not", flush=True)
        answered, failed = answered + round_answered, failed + round_failed
    return answered, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=100, help="how often something is killed")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32), help="of the faults")
    parser.add_argument("--round", type=int, help="this one only, again")
    parser.add_argument("--outage", type=float, default=600, help="seconds without PostgreSQL; 0: none of it")
    parser.add_argument("--rate", type=float, default=1_000, help="decisions a second in that outage")
    options = parser.parse_args()
    numbers = range(options.rounds) if options.round is None else [options.round]
    print(f"seed {options.seed}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", flush=True)
    started_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, audited(Path(folder)) as installed:
        if numbers:
            answered, failed = kills(installed, options.seed, numbers)
            print(
                f"{answered:,} decisions were answered, {failed:,} were not, in {time.monotonic() - started_s:.0f} s."
            )
            print("Every answered one is in PostgreSQL exactly once and in order; every chain and batch verifies.")
        if options.round is None and options.outage:
            rate = installed.reachable_rate(options.rate)
            what = f"{rate:.0f} decisions a second, of {options.rate:.0f} wanted (load {os.getloadavg()[0]:.1f})"
            print(f"PostgreSQL away for {options.outage:.0f} s at {what}: ", end="", flush=True)
            seen = installed.outage(rate, min(QUIET_S, options.outage), options.outage)
            print(seen)
            sys.exit(0 if seen.is_in_time else 1)


if __name__ == "__main__":
    main()
