"""Throughput of ``axonflow replay`` on the sample, repeated, against merely decoding the same lines as JSON."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

SAMPLE = Path(__file__).parents[2] / "axonflow" / "samples" / "traffic.jsonl"
LINES = 40_000


def main():
    lines = SAMPLE.read_bytes().splitlines(keepends=True)
    with tempfile.TemporaryDirectory() as folder:
        traffic = Path(folder, "traffic.jsonl")
        traffic.write_bytes(b"".join(lines[number % len(lines)] for number in range(LINES)))
        decoder = msgspec.json.Decoder()
        rates = []
        for _ in range(3):
            start = time.perf_counter()
            with traffic.open("rb") as stream:
                for line in stream:
                    decoder.decode(line)
            floor = LINES / (time.perf_counter() - start)
            command = [
                sys.executable,
                "-m",
                "axonflow.cli",
                "replay",
                str(traffic),
                "--policies",
                "@baseline",
                "--json",
            ]
            run = subprocess.run(command, check=True, capture_output=True)
            rates.append((json.loads(run.stdout), floor))
        summary, floor = sorted(rates, key=lambda pair: pair[0]["requests_per_s"])[1]
    print(f"axonflow replay, {LINES} lines of the sample, 40 rules, content inspected; median of 3 runs")
    own = summary["requests_per_s"]
    print(f"  throughput {own:>10,.0f} requests/s, {own / floor:.3f} of merely decoding the lines ({floor:,.0f}/s)")
    print(f"  latency of decide, us: {json.dumps(summary['latency_us'])}")


if __name__ == "__main__":
    main()
