"""Every way for the database to fail, at every point: ``nox -s database_faults``. The tests do a part of it.

python tests/faults/run_database.py [--rounds 3] [--points N] [--rate 25] [--seed N]
"""

import argparse
import random
import secrets
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.database_faults import FAULTS, MOMENTS, installation, migration_statements


def faults(installed, rounds):
    """Each fault again and again."""
    for number in range(1, rounds + 1):
        for name in FAULTS:
            print(f"{name}, round {number}: {installed.check_fault(name)}", flush=True)
        print(f"two seconds a statement, round {number}: {installed.check_slow(delay_s=2.0)}", flush=True)


def drawn(points, moments, most):
    """`most` of `points`, or all of them, in any order."""
    return moments.sample(points, min(most, len(points)))


def publications(installed, moments, most):
    """The server dies before each statement of a publication, and after it."""
    numbers = range(1, installed.publish_statements() + 1)
    points = drawn([(moment, number) for moment in MOMENTS for number in numbers], moments, most)
    struck = sum(installed.check_killed_publish(*point) for point in points)
    print(f"killed in a publication: {struck} times at {len(points)} points", flush=True)


def migrations(installed, moments, most):
    """The command, and the server, die before each statement of a migration, and after it."""
    count = migration_statements(installed.server.dsn)
    points = [
        (victim, moment, number)
        for victim in ("command", "server")
        for moment in MOMENTS
        for number in range(1, count + 1)
    ]
    points = drawn(points, moments, most)
    struck = sum(installed.check_interrupted_migration(*point) for point in points)
    print(f"killed in a migration: {struck} times at {len(points)} points", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="how often each fault comes")
    parser.add_argument("--points", type=int, default=10**9, help="at most, of a publication and of a migration")
    parser.add_argument("--rate", type=float, default=25, help="decisions a second of each of two agents")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32), help="of the order of points")
    options = parser.parse_args()
    moments = random.Random(options.seed)
    started_s = time.monotonic()
    print(f"seed {options.seed}", flush=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        installation(Path(folder), rate=options.rate, rounds=options.rounds) as installed,
    ):
        faults(installed, options.rounds)
        installed.check_replica()
        publications(installed, moments, options.points)
        migrations(installed, moments, options.points)
        installed.check_well()
        decided = len(installed.load.decision_ids)
    print(
        f"{decided:,} decisions in {time.monotonic() - started_s:.0f} s: none failed, none changed, each recorded once."
    )


if __name__ == "__main__":
    main()
