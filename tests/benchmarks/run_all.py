"""All benchmarks in one run; see ``nox -s bench``. The machine is named, since figures mean nothing without it."""

import os
import platform
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks import (
    bench_analysis,
    bench_async,
    bench_audit,
    bench_certificate,
    bench_decide,
    bench_detect,
    bench_drain,
    bench_enforce,
    bench_http,
    bench_load,
    bench_mutants,
    bench_plan,
    bench_reload,
    bench_replay,
    bench_stream,
    bench_verify,
    bench_whatif,
)

ALL = {
    "decide": bench_decide,
    "certificate": bench_certificate,
    "detect": bench_detect,
    "load": bench_load,
    "mutants": bench_mutants,
    "analysis": bench_analysis,
    "reload": bench_reload,
    "replay": bench_replay,
    "whatif": bench_whatif,
    "plan": bench_plan,
    "enforce": bench_enforce,
    "async": bench_async,
    "audit": bench_audit,
    "drain": bench_drain,
    "verify": bench_verify,
    "http": bench_http,
    "stream": bench_stream,
}


def main():
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}\n")
    for name in sys.argv[1:] or ALL:
        ALL[name].main()
        print()


if __name__ == "__main__":
    main()
