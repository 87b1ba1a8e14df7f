"""Full-size fault rounds: ``nox -s faults``. The tests run a small part of each on every change.

python tests/faults/run_all.py [--rounds 20] [--seed N]
"""

import argparse
import secrets
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.running import data_folder, kill_agent_under_load


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20, help="how often the agent is killed")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32), help="of the moments")
    options = parser.parse_args()
    print(f"seed {options.seed}: kill -9 of the agent under load, {options.rounds} times", flush=True)
    started_s = time.monotonic()
    with data_folder() as folder:
        answered, failures = kill_agent_under_load(folder, options.rounds, options.seed)
    took_s = time.monotonic() - started_s
    print(f"{answered:,} decisions were answered, {failures:,} connections broke, in {took_s:.0f} s.")
    print("Every answered decision is in PostgreSQL exactly once, and every chain verifies.")


if __name__ == "__main__":
    main()
