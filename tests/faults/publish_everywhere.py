"""Publish to agents that answer all the while: ``nox -s publishing``. The tests do it with three.

python tests/faults/publish_everywhere.py [--agents 20] [--rounds 5] [--rate 10]
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from axonflow.adapters.postgres import DatabaseSettings, migrate
from axonflow_sidecar.hosting.embedded import EmbeddedPostgres
from tests.agents import Published, Watched, agents
from tests.postgres import execute, temporary_data_folder
from tests.publishing import answering, key_pair
from tests.running import PAUSE, eventually

MAX_S = 1.0
TENANT = (
    "INSERT INTO axonflow.tenant (tenant_id, name, tier, created_us, created_by, updated_us)"
    " VALUES ('acme', 'Acme', 'enterprise', 1, 'user:ann', 1)"
)


def rounds(publish, watched, count):
    """How long it took each agent in each round, in seconds from the commit to the answer that showed it."""
    took = []
    for number in range(1, count + 1):
        policies = (f"allow-{number}",)
        committed_s = publish("acme", answering("allow", number=number))
        eventually(lambda policies=policies: watched.all_say(policies), "the new version everywhere")
        firsts = [next(seen[0] for seen in own if seen[2] == policies) for own in watched.seen]
        took.append([max(0.0, first - committed_s) for first in firsts])
        print(f"round {number}: first {min(took[-1]):.3f} s, last {max(took[-1]):.3f} s", flush=True)
    return took


def late_ms(answers):
    """The 50th and the 99th percentile of how late answers were, in milliseconds."""
    cuts = statistics.quantiles([seen[3] * 1000 for seen in answers], n=100)
    return f"{cuts[49]:.1f}/{cuts[98]:.1f} ms"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--agents", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rate", type=float, default=10, help="decisions a second of each agent")
    options = parser.parse_args()
    with temporary_data_folder() as data, tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        server = EmbeddedPostgres(data)
        dsn = server.start()
        try:
            asyncio.run(migrate(dsn))
            execute(dsn, TENANT)
            key, public = key_pair(folder / "keys")
            publish = Published(dsn, key)
            publish("acme", answering("allow", number=0))
            few = DatabaseSettings(max_connections=1)  # the embedded server takes 50
            with (
                agents(options.agents, folder, dsn, public, database_settings=few) as running,
                Watched(running, rate=options.rate) as watched,
            ):
                eventually(lambda: watched.all_say(("allow-0",)), "answers")
                PAUSE(5)
                quiet = [seen for own in watched.seen for seen in own[len(own) // 2 :]]
                took = rounds(publish, watched, options.rounds)
                busy = [seen for own in watched.seen for seen in own][len(quiet) :]
        finally:
            server.stop()
    every = [seconds for each in took for seconds in each]
    worst = max(every)
    mixed = [digest for digest, policies in watched.kinds().items() if len(policies) != 1]
    print(f"{options.agents} agents, {sum(map(len, watched.seen)):,} decisions: {len(watched.failures)} failed, "
          f"{len(mixed)} digests with two verdicts")  # fmt: skip
    print(f"publish to in force: median {statistics.median(every):.3f} s, worst {worst:.3f} s")
    print(f"answers after they were due, p50/p99: quiet {late_ms(quiet)}, with publishing {late_ms(busy)}")
    sys.exit(1 if worst > MAX_S or mixed or watched.failures else 0)


if __name__ == "__main__":
    main()
