"""Looking for everything the built-in detectors know, in texts that are never repeated, beside Presidio's recognisers.

What is timed: the gate (which detectors are worth running) and the findings with their spans, each of a text that has
not been seen before. Presidio runs the recognisers that it makes of patterns, without a language model.
"""

import logging
import random
import string
import time

from axonflow.adapters.hyperscan_marks import HyperscanMarks
from axonflow.adapters.re2_engine import compile_pattern
from axonflow.detect import BUILTIN_DETECTORS, Scanner
from tests.benchmarks.measure import each_us, percentile

SIZES_CHARS = {2_000: 300, 20_000: 60, 200_000: 8}
"""How many texts of each."""
SYLLABLES = "ba de ko lo mu na pe ri so tu va we xi yo za ch st ing er al on en th re".split()
TARGETS = {
    ("gate", 2_000): {0.95: 25},
    ("gate", 200_000): {0.5: 1_333},  # 150 MB/s
    ("spans", 2_000): {0.5: 30, 0.95: 60},
    ("spans", 20_000): {0.5: 350},
    ("spans", 200_000): {0.5: 5_000},
}
ALONE = {("spans", chars): {0.5: chars // 4} for chars in SIZES_CHARS}  # 250 us a KB


class Texts:
    """Prose of words that are made up, with a date, an amount, an address or a name of a file here and there."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.words = ["".join(self.random.choices(SYLLABLES, k=self.random.randint(1, 4))) for _ in range(5_000)]

    def text(self, chars, *, personal=True):
        parts, length = [], 0
        while length < chars:
            part = self.sentence(personal=personal)
            parts.append(part)
            length += len(part) + 1
        return " ".join(parts)[:chars]

    def sentence(self, *, personal):
        words = self.random.choices(self.words, k=self.random.randint(5, 20))
        if self.random.random() < 0.3:
            words.insert(self.random.randrange(len(words)), self.figure())
        if personal and self.random.random() < 0.04:
            words.insert(self.random.randrange(len(words)), self.datum())
        return f"{' '.join(words).capitalize()}{self.random.choice('...?!')}"

    def figure(self):
        number = self.random.randrange
        return self.random.choice([
            f"{number(1990, 2030)}-{number(1, 13):02}-{number(1, 29):02}", f"{number(10_000)}.{number(100):02} EUR",
            f"{number(24)}:{number(60):02}", f"({number(100)} %)", f"{self.random.choice(self.words)}.py",
            f"#{number(10_000)}",
        ])  # fmt: skip

    def datum(self):
        digits = "".join(self.random.choices(string.digits, k=8))
        name = self.random.choice(self.words)
        phone = f"phone 020 {digits[:4]} {digits[4:]}"
        return self.random.choice([f"{name}.{digits[:3]}@example.com", f"+49 30 {digits}", phone])


def line(name, taken, chars, note=""):
    median, slow = percentile(taken, 0.5), percentile(taken, 0.95)
    print(f"    {chars:>7,} {name:<34}{median:>12,.1f} {slow:>12,.1f} us {chars / median:>8,.0f} MB/s  {note}")


def verdict(*, met):
    return "met" if met else "not met"


def rounds(texts, scanner, ids, chars, count):
    """Times of the gate and of the findings, each of texts of its own."""
    gate = each_us(lambda text: scanner.inspect(text).may_find(ids), [texts.text(chars) for _ in range(count)])
    return gate, each_us(lambda text: scanner.inspect(text).findings(ids), [texts.text(chars) for _ in range(count)])


def ours(texts, engine, name, targets):
    """Times of the findings by the texts' length; `targets` gives the limits by percentile."""
    start = time.perf_counter()
    scanner = Scanner(BUILTIN_DETECTORS, compile_pattern, engine)
    ids = tuple(detector.id for detector in BUILTIN_DETECTORS)
    scanner.inspect(texts.text(2_000)).findings(ids)  # compiles what is needed
    ready_ms = (time.perf_counter() - start) * 1e3
    shapes = sum(len(detector.shapes) for detector in BUILTIN_DETECTORS)
    print(f"  {name}: {len(ids)} detectors, {shapes} patterns; ready, and a first text looked at, in {ready_ms:.0f} ms")
    spans = {}
    for chars, count in SIZES_CHARS.items():
        gate, spans[chars] = rounds(texts, scanner, ids, chars, count)
        for kind, taken in (("gate", gate), ("spans", spans[chars])):
            line(kind, taken, chars, against(taken, targets.get((kind, chars), {})))
    return spans


def against(taken, limits):
    """`limits` in microseconds, by percentile."""
    told = " ".join(f"p{share * 100:.0f} <= {limit_us:,} us" for share, limit_us in limits.items())
    met = all(percentile(taken, share) <= limit_us for share, limit_us in limits.items())
    return f"(target {told}: {verdict(met=met)})" if told else ""


def presidio_recognisers():
    logging.disable(logging.ERROR)  # one of them would read a list from the network, and says at length that it cannot
    from presidio_analyzer import PatternRecognizer, predefined_recognizers  # takes seconds

    kinds = [getattr(predefined_recognizers, name) for name in dir(predefined_recognizers)]
    made = [kind() for kind in kinds if isinstance(kind, type) and issubclass(kind, PatternRecognizer)]
    for recogniser in made:
        recogniser.analyze("a@example.com", recogniser.supported_entities)
    return made


def main():
    texts = Texts(seed=20_261_121)
    print("Detectors, all of them on texts never seen before; p50 and p95")
    spans = ours(texts, HyperscanMarks, "Hyperscan and RE2", TARGETS)
    ours(texts, None, "RE2 alone", ALONE)
    recognisers = presidio_recognisers()

    def presidio(text):
        for recogniser in recognisers:
            recogniser.analyze(text, recogniser.supported_entities)

    theirs = each_us(presidio, [texts.text(2_000) for _ in range(20)])
    ratio = percentile(theirs, 0.5) / percentile(spans[2_000], 0.5)
    print(f"  Presidio's {len(recognisers)} recognisers of patterns")
    line("spans", theirs, 2_000, f"{ratio:,.0f}x ours (target >= 100x: {verdict(met=ratio >= 100)})")


if __name__ == "__main__":
    main()
