"""How well SQL injection is found: on research data beside the repository, and on texts drawn from a seed.

    python -m tests.benchmarks.quality_sql [--seed N] [--count N] [--misses N]

Prints recall and false positives of each set with examples of what was missed and of what was taken for an attack, then
what first-time inspection costs a text of 2, 20 and 200 KB.
"""

import argparse
import json
import random
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from axonflow.adapters.re2_engine import compile_pattern
from axonflow.adapters.sql_parser import parse_sql
from axonflow.detect import Scanner, builtin_detectors
from tests.benchmarks.sql_attacks import attacks
from tests.benchmarks.sql_innocents import HARD, innocents

SHARED = Path(__file__).parents[3] / "shared" / "data" / "sqli.jsonl"
SIZES_CHARS = (2_000, 20_000, 200_000)


def rates(scanner: Scanner, ids: tuple[str, ...], texts: Iterable[str], shown: int, *, wanted: bool) -> str:
    """Recall (or the rate of false positives) over `texts`, with the first `shown` that are on the wrong side."""
    rows = list(dict.fromkeys(texts))
    wrong = [text for text in rows if scanner.inspect(text).any(ids) != wanted]
    share = len(wrong) / len(rows)
    head = f"recall {1 - share:.4f}" if wanted else f"false positives {share:.4f}"
    return "\n".join([f"{head} of {len(rows)}", *(f"    {text[:150]!r}" for text in wrong[:shown])])


def shared_rows(*, attack: bool) -> list[str]:
    if not SHARED.is_file():
        print(f"{SHARED} is absent: the research data is not part of the repository")
        return []
    rows = [json.loads(line) for line in SHARED.read_text("utf-8").strip().split("\n")]
    return [row["text"] for row in rows if row["attack"] is attack]


def of_size(texts: Iterator[str], size_chars: int) -> str:
    parts: list[str] = []
    length = 0
    while length < size_chars:
        parts.append(next(texts))
        length += len(parts[-1]) + 1
    return "\n".join(parts)[:size_chars]


def odd(seed: int, size_chars: int) -> str:
    return "".join(random.Random(seed).choices("ab1 '\"-;=()/*#or", k=size_chars))


def costs(scanner: Scanner, ids: tuple[str, ...], make: Callable[[int, int], str], rounds: int) -> str:
    """Median microseconds of processor time for texts never seen before, by size."""
    line = []
    for size_chars in SIZES_CHARS:
        spent = []
        for seed in range(rounds):
            text = make(seed * 31 + size_chars, size_chars)
            start = time.process_time()
            scanner.inspect(text).findings(ids)
            spent.append((time.process_time() - start) * 1e6)
        line.append(f"{size_chars // 1000} KB: first {spent[0]:,.0f}, median {sorted(spent)[rounds // 2]:,.0f} us")
    return "; ".join(line)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=4_000)
    parser.add_argument("--misses", type=int, default=8)
    chosen = parser.parse_args()
    detectors = builtin_detectors(parse_sql)
    scanner = Scanner(detectors, compile_pattern)
    injection = ("injection.sql",)
    dangerous = tuple(detector.id for detector in detectors if detector.id.startswith("code.sql_"))
    for name, texts, wanted in (
        ("research data, attacks", shared_rows(attack=True), True),
        ("research data, others", shared_rows(attack=False), False),
        ("drawn attacks", attacks(chosen.seed, chosen.count), True),
        ("drawn innocents", innocents(chosen.seed, chosen.count), False),
        ("innocents by hand", HARD, False),
    ):
        rows = list(texts)
        if rows:
            print(f"injection.sql, {name}: {rates(scanner, injection, rows, chosen.misses, wanted=wanted)}")
    print("first-time cost")
    for title, ids in (("injection.sql", injection), ("code.sql_*", dangerous)):
        for kind, make in (
            ("innocents", lambda seed, size: of_size(innocents(seed, 10**6), size)),
            ("attacks", lambda seed, size: of_size(attacks(seed, 10**6), size)),
            ("odd signs", odd),
        ):
            print(f"  {title}, {kind}: {costs(scanner, ids, make, 5)}")


if __name__ == "__main__":
    main()
