"""Redacting streams, 20 characters a chunk: what a chunk costs and how much is held back, on random text."""

import random
import time
from urllib.parse import quote

from axonflow.adapters.re2_engine import compile_pattern
from axonflow.detect import BUILTIN_DETECTORS, Scanner
from axonflow.detect.stream_shapes import unbounded
from axonflow.detect.streaming import StreamRedaction
from tests.benchmarks.measure import percentile

CHUNK_CHARS = 20
TEXT_CHARS = 60_000
ROUNDS = 5
WORDS = (
    "the of and to in is you that it he was for on are as with his they at be this have from or one had by word but "
    "not what all were we when your can said there use each which she do how their will up other about out many then "
    "them these so some her would make like him into time has look two more write go see number no way could people"
).split()


def main():
    detectors = [one for one in BUILTIN_DETECTORS if one.category in {"pii", "secret"} and not unbounded([one])]
    scanner = Scanner(detectors, compile_pattern)
    redaction = StreamRedaction(scanner, [one.id for one in detectors], compile_pattern)
    print(f"streams, {len(detectors)} detectors, {CHUNK_CHARS} characters a chunk; microseconds of CPU a chunk, the")
    print(f"median of {ROUNDS} rounds, every text new; times: against a loop that only hands chunks on")
    print(
        f"{'text':28}{'mean':>9}{'times':>7}{'p50':>9}{'p95':>9}{'held, mean':>12}{'most':>7}"
        f"   bound {redaction.hold_back_chars:,}"
    )
    for name in texts(0):
        stream(redaction.begin(), texts(0)[name])  # automata are made as they are needed
        rows = [row(redaction, texts(number)[name]) for number in range(1, ROUNDS + 1)]
        mean, times, p50, p95, held, most = (sorted(column)[ROUNDS // 2] for column in zip(*rows, strict=True))
        print(f"{name:28}{mean:9.1f}{times:7.0f}{p50:9.1f}{p95:9.1f}{held:12.1f}{most:7}")


def texts(seed):
    rng = random.Random(seed)
    words = [rng.choice(WORDS) + rng.choice(["", "", "", "", ",", "."]) for _ in range(TEXT_CHARS // 4)]
    prose = " ".join(words)[:TEXT_CHARS]
    parts = [prose[at : at + 400] for at in range(0, TEXT_CHARS, 400)]
    found = [f"{part} mail ann{at}@example.com or call +44 20 7946 {at:04}. " for at, part in enumerate(parts)]
    links = [f"{part} see https://docs.example/{quote(part[:30])}. " for part in parts]
    return {
        "prose": prose,
        "two findings in 400": "".join(found),
        "a link in 400, encoded": "".join(links),
        "coloured": "".join(f"\x1b[32m{prose[at : at + 40]}\x1b[0m " for at in range(0, TEXT_CHARS, 40)),
    }


def row(redaction, text):
    costs, held = stream(redaction.begin(), text)
    bare, _ = stream(PassThrough(), text)
    mean = sum(costs) / len(costs)
    times = mean / (sum(bare) / len(bare))
    return (
        mean,
        times,
        percentile(sorted(costs), 0.5),
        percentile(sorted(costs), 0.95),
        sum(held) / len(held),
        max(held),
    )


class PassThrough:
    """Holds nothing back."""

    held_chars = 0

    def feed(self, chunk):
        return chunk

    def finish(self):
        return ""


def stream(redactor, text):
    costs, held = [], []
    for at in range(0, len(text), CHUNK_CHARS):
        chunk = text[at : at + CHUNK_CHARS]
        start = time.thread_time()
        redactor.feed(chunk)
        costs.append((time.thread_time() - start) * 1e6)
        held.append(redactor.held_chars)
    redactor.finish()
    return costs, held
