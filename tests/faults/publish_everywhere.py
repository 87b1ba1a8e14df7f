"""Publish to agents that answer all the while: ``nox -s publishing``. The tests do it with three.

python tests/faults/publish_everywhere.py [--agents 20] [--cycles 6] [--publishes 5] [--rate 10] [--rules 1]

Each cycle is a quiet time and as long a one with publishes, so that what else the machine does falls on both. Requests
come on a fixed schedule from a process of its own; an answer is as late as it comes after the request was due.
"""

import argparse
import asyncio
import bisect
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from axonflow.adapters.postgres import DatabaseSettings, migrate
from axonflow_sidecar.hosting.embedded import EmbeddedPostgres
from tests.agents import Published, Watched, agents
from tests.postgres import execute, temporary_data_folder
from tests.publishing import answering, key_pair
from tests.running import PAUSE, eventually

MAX_S = 1.0
MAX_LATER_MS = 1.0
BETWEEN_S = 1.0
"""From one publish in force everywhere to the next, and from the last to the end of what counts as with publishing:
what agents still do then, keeping it on disk for one, is part of it."""
TENANT = (
    "INSERT INTO axonflow.tenant (tenant_id, name, tier, created_us, created_by, updated_us)"
    " VALUES ('acme', 'Acme', 'enterprise', 1, 'user:ann', 1)"
)


def document(number, rules):
    """Allows; `rules` more rules want something that nobody asks for."""
    more = [
        {"id": f"no-{other}", "effect": "deny", "match": {"action": "tool.call"},
         "when": f"principal.id == 'user-{other}' && resource.id.startsWith('x{other}')"}
        for other in range(rules)
    ]  # fmt: skip
    made = answering("allow", number=number)
    return made | {"rules": [*made["rules"], *more]}


class Course:
    """What was done when: (begin, end) of quiet times, of times with publishes, and of each publish from its call until
    the last agent's first answer by it. `took` has, for each publish, how long after the commit each agent did."""

    def __init__(self, publish, watched, rules):
        self._publish = publish
        self._watched = watched
        self._rules = rules
        self._number = 0
        self.quiet, self.busy, self.windows, self.took = [], [], [], []

    def publish_once(self):
        self._number += 1
        policies = (f"allow-{self._number}",)
        begun_s = time.monotonic()
        committed_s = self._publish("acme", document(self._number, self._rules))
        eventually(lambda: self._watched.all_say(policies), "the new version everywhere")
        firsts = [next(one.answered_s for one in own if one.policies == policies) for own in self._watched.seen]
        self.windows.append((begun_s, max(firsts)))
        self.took.append([max(0.0, first - committed_s) for first in firsts])

    def cycle(self, publishes):
        begun_s = time.monotonic()
        for _ in range(publishes):
            self.publish_once()
            PAUSE(BETWEEN_S)
        ended_s = time.monotonic()
        PAUSE(ended_s - begun_s)
        self.busy.append((begun_s, ended_s))
        self.quiet.append((ended_s, 2 * ended_s - begun_s))


def within(answers, spans):
    """Those due in one of `spans`; `answers` are in the order they were due in."""
    due_s = [one.due_s for one in answers]
    for begin_s, end_s in spans:
        yield from answers[bisect.bisect_left(due_s, begin_s) : bisect.bisect_left(due_s, end_s)]


def percentiles_ms(values_s):
    """The 50th, 99th and 99.9th."""
    ordered = sorted(values_s)
    return [ordered[int(len(ordered) * part)] * 1000 for part in (0.5, 0.99, 0.999)]


def told(name, answers):
    """Prints how late these answers, and their requests, were; the percentiles of the answers."""
    late = percentiles_ms([one.answered_s - one.due_s for one in answers])
    sent = percentiles_ms([one.sent_s - one.due_s for one in answers])
    shown = [" / ".join(f"{value:.2f}" for value in each) for each in (late, sent)]
    print(
        f"{name}: {len(answers):,} answers, p50/p99/p99.9 {shown[0]} ms after they were due (sent {shown[1]} ms late)"
    )
    return late


def compared(course, watched):
    """Prints the figures of each time; by how much the 99th percentile is later with publishing, in milliseconds."""
    answers = sorted((one for own in watched.seen for one in own), key=lambda one: one.due_s)
    quiet = told("quiet", list(within(answers, course.quiet)))
    busy = told("with publishing", list(within(answers, course.busy)))
    told("while a publish was under way", list(within(answers, course.windows)))
    differences = [late - usual for late, usual in zip(busy, quiet, strict=True)]
    ratios = [late / usual for late, usual in zip(busy, quiet, strict=True)]
    print("with publishing, against quiet: " + ", ".join(
        f"{name} {difference:+.2f} ms (x {ratio:.2f})"
        for name, difference, ratio in zip(("p50", "p99", "p99.9"), differences, ratios, strict=True)
    ))  # fmt: skip
    return differences[1]


def measured(options, folder, dsn):
    key, public = key_pair(folder / "keys")
    publish = Published(dsn, key)
    publish("acme", document(0, options.rules))
    few = DatabaseSettings(max_connections=1)  # the embedded server takes 50
    with (
        agents(options.agents, folder, dsn, public, database_settings=few) as running,
        Watched(running, rate=options.rate) as watched,
    ):
        eventually(lambda: watched.all_say(("allow-0",)), "answers")
        PAUSE(3)
        course = Course(publish, watched, options.rules)
        for _ in range(options.cycles):
            course.cycle(options.publishes)
    return course, watched


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--agents", type=int, default=20)
    parser.add_argument("--cycles", type=int, default=6)
    parser.add_argument("--publishes", type=int, default=5, help="in each cycle")
    parser.add_argument("--rate", type=float, default=10, help="decisions a second of each agent")
    parser.add_argument("--rules", type=int, default=1, help="of the policies, beside the one that allows")
    options = parser.parse_args()
    with temporary_data_folder() as data, tempfile.TemporaryDirectory() as temporary:
        server = EmbeddedPostgres(data)
        dsn = server.start()
        try:
            asyncio.run(migrate(dsn))
            execute(dsn, TENANT)
            course, watched = measured(options, Path(temporary), dsn)
        finally:
            server.stop()
    every = [seconds for each in course.took for seconds in each]
    mixed = [digest for digest, policies in watched.kinds().items() if len(policies) != 1]
    print(f"{options.agents} agents, {sum(map(len, watched.seen)):,} decisions: {len(watched.failures)} failed, "
          f"{len(mixed)} digests with two verdicts; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")  # fmt: skip
    shown = " / ".join(f"{value:.0f}" for value in (*percentiles_ms(every)[:2], max(every) * 1000))
    print(f"{len(course.took)} publishes, commit to in force: p50/p99/most {shown} ms")
    print(*sorted(set(watched.failures)), sep="\n", end="")
    later_ms = compared(course, watched)
    sys.exit(1 if max(every) > MAX_S or mixed or watched.failures or later_ms > MAX_LATER_MS else 0)


if __name__ == "__main__":
    main()
