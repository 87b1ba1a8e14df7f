"""How well prompt injection is told from innocent text, and what a look costs.

    python -m tests.benchmarks.quality_prompt [attacks.jsonl innocents.jsonl]

On files of yours (an object a line, with a "text"), or on the research data beside the repository (never trained on)
and on texts drawn from the grammars with a seed that training did not use (their lines it did see: these figures show
regressions, not quality).
"""

import json
import random
import sys
import time
from pathlib import Path

from axonflow.adapters.re2_engine import compile_pattern
from axonflow.detect import BUILTIN_DETECTORS, Scanner
from axonflow.detect.prompt_score import score_prompt
from tests.benchmarks.prompt_texts import source

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "prompt_injection.jsonl"
IDS = ("injection.prompt",)
SEED = 991
ROUNDS = 60


def judged(scanner, name, attacks, innocents):
    missed = [text for text in attacks if not scanner.inspect(text).any(IDS)]
    taken = [text for text in innocents if scanner.inspect(text).any(IDS)]
    scored = sum(score_prompt(text).total >= 0.5 for text in attacks)
    scored_wrong = sum(score_prompt(text).total >= 0.5 for text in innocents)
    print(f"\n{name}: {len(attacks)} attacks, {len(innocents)} innocent texts")
    print(f"  detector  recall {1 - len(missed) / len(attacks):.3f}  over-defence {len(taken) / len(innocents):.3f}")
    print(f"  score     recall {scored / len(attacks):.3f}  over-defence {scored_wrong / len(innocents):.3f}")
    for title, texts in (("missed", missed), ("taken for attacks", taken)):
        for text in texts[:12]:
            print(f"    {title}: {text[:110]!r}")


def costs(scanner, words):
    rng = random.Random(SEED)
    for length in (2_000, 20_000):
        spent = []
        for _ in range(ROUNDS):
            text = " ".join(rng.choice(words) for _ in range(length // 6))[:length]
            inspection = scanner.inspect(text)
            start = time.process_time_ns()
            inspection.findings(IDS)
            spent.append((time.process_time_ns() - start) / 1_000)
        spent.sort()
        print(f"  {length:6} characters never seen: p50 {spent[ROUNDS // 2]:.0f} us, p95 {spent[-ROUNDS // 20]:.0f} us")


def read(path):
    return [json.loads(line) for line in Path(path).read_text("utf-8").split("\n") if line]


def main():
    scanner = Scanner(BUILTIN_DETECTORS, compile_pattern)
    if len(sys.argv) == 3:
        judged(scanner, "your files", *[[row["text"] for row in read(path)] for path in sys.argv[1:]])
        return
    attacks = source("attacks").texts(SEED, 500, 2)
    innocents = source("innocents").texts(SEED, 1_000, 2)
    judged(scanner, "drawn from the grammars", attacks, innocents)
    shared = SHARED if SHARED.is_file() else Path("/work/shared/data/prompt_injection.jsonl")
    if shared.is_file():
        rows = read(shared)
        judged(
            scanner,
            "research data",
            [row["text"] for row in rows if row["attack"]],
            [row["text"] for row in rows if not row["attack"]],
        )
    else:
        print(f"{shared} is absent", file=sys.stderr)
    print("\nwords of innocent texts, in any order:")
    costs(scanner, [word for text in innocents for word in text.split()])
    print("words of attacks, in any order:")
    costs(scanner, [word for text in attacks for word in text.split()])


if __name__ == "__main__":
    main()
