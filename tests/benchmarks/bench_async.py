"""flow.enforce in async mode against flow.decide on the same requests, with the durable spool behind it on a real disk.

Of the calling thread (what an answer takes longer), and of the whole process, whose other thread links, seals, writes
and syncs what was taken. Processor time, in alternating rounds; no request comes twice. Each case once with persons in
plain, and once sealed: in the delegated one each request is of a person whom the writer has not met.
"""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from axonflow import AxonFlow
from axonflow.adapters.person_keys import InstallationKey, WriterKeys

try:
    from tests.benchmarks.bench_enforce import CASES, TARGET_US, decided, enforced
except ModuleNotFoundError:  # run as a script
    from bench_enforce import CASES, TARGET_US, decided, enforced

ROUNDS = 40
CALLS = 500
HERE = Path(__file__).parent  # the temporary folder may be in memory, where a sync costs nothing


async def timed(verb, flow, requests, spool):
    """Microseconds a call: of this thread, and of the process until all of it is on the disk."""
    thread_ns, process_ns = time.thread_time_ns(), time.process_time_ns()
    await verb(flow, requests)
    thread_ns = time.thread_time_ns() - thread_ns
    await spool.oldest(1)  # answered behind all that was taken before
    return thread_ns / len(requests) / 1_000, (time.process_time_ns() - process_ns) / len(requests) / 1_000


def figures(flow, request):
    """By verb, for each round the microseconds of the thread and of the process."""
    rounds = {decided: [], enforced: []}
    for number in range(ROUNDS + 1):  # the first is thrown away
        requests = [request(one) for one in range(number * CALLS, (number + 1) * CALLS)]
        for verb, spent in rounds.items():
            spent.append(asyncio.run(timed(verb, flow, requests, flow.audit)))
    return [tuple(zip(*spent[1:], strict=True)) for spent in rounds.values()]


def main():
    print(f"flow.enforce with audit_mode=async and flow.decide; processor us a call, {ROUNDS} alternating rounds")
    print(f"{'':<32}{'decide':>8}{'enforce':>9}{'more: median':>14}{'mean':>7}{'whole process: median':>23}{'mean':>7}")
    with tempfile.TemporaryDirectory(dir=HERE) as folder:
        cases = [(name, how) for name in CASES if not name.endswith("limit") for how in ("plain", "sealed")]
        for name, how in cases:  # what a limit takes is no cost of the record
            policies, request = CASES[name]
            flow = AxonFlow.open(policies, audit=Path(folder) / name / how, audit_mode="async")
            if how == "sealed":
                flow.audit.seal_persons(WriterKeys(InstallationKey(bytes(32))).key_of)
            (decide, decide_all), (enforce, enforce_all) = figures(flow, request)
            flow.audit.close()
            more, more_all = (
                [one - other for one, other in zip(with_, without, strict=True)]
                for with_, without in ((enforce, decide), (enforce_all, decide_all))
            )
            verdict = "met" if statistics.median(more) <= TARGET_US else "MISSED"
            judged = f"   target <= {TARGET_US}: {verdict}" if name.startswith("plain") else ""
            print(
                f"{name + (', sealed' if how == 'sealed' else ''):<32}{statistics.median(decide):>8.2f}"
                f"{statistics.median(enforce):>9.2f}{statistics.median(more):>14.2f}{statistics.mean(more):>7.2f}"
                f"{statistics.median(more_all):>23.2f}{statistics.mean(more_all):>7.2f}{judged}"
            )


if __name__ == "__main__":
    main()
