"""Attacks and innocent texts for the prompt detector, drawn by seed from the grammars in tests/data/prompt."""

import ast
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests" / "data" / "prompt"
SEED = 20
HELD_OUT_SHARE = 0.25
_MAX_DEPTH = 12
_MIN_SPLIT = 3
_TOKEN = re.compile(r"\\(.)|\{\$(\w+)\}|\$(\w+)|([{}|])", re.DOTALL)

Grammar = dict[str, list[str]]


def read_grammar(name: str) -> Grammar:
    """The lists of a grammar file; the first is the root."""
    lists: Grammar = {}
    alternatives: list[str] = []
    for line in (FOLDER / name).read_text("utf-8").splitlines():
        if line.startswith("# ") and re.fullmatch(r"# \w+", line):
            alternatives = lists[line[2:]] = []
        elif line and not line.startswith("%"):
            alternatives.append(line)
    return lists


def halves(grammar: Grammar, seed: int, held_out_share: float = 0.25) -> tuple[Grammar, Grammar]:
    """The grammar with part of every list left out, and with only that part: no line is in both.

    Lists of fewer lines than there is something to leave out of are in both, as the root is.
    """
    rng = random.Random(seed)
    kept: Grammar = {}
    held: Grammar = {}
    root = next(iter(grammar))
    for name, lines in grammar.items():
        count = round(len(lines) * held_out_share)
        if name == root or len(lines) < _MIN_SPLIT or not count:
            kept[name] = held[name] = lines
            continue
        chosen = set(rng.sample(range(len(lines)), count))
        kept[name] = [line for at, line in enumerate(lines) if at not in chosen]
        held[name] = [lines[at] for at in sorted(chosen)]
    return kept, held


def draw(grammar: Grammar, rng: random.Random, name: str | None = None, depth: int = 0) -> str:
    """One text. Raises ValueError for a list that calls itself without end."""
    if depth > _MAX_DEPTH:
        raise ValueError(f"{name}: a list that calls itself")
    return _expand(rng.choice(grammar[name or next(iter(grammar))]), grammar, rng, depth)


def _expand(line: str, grammar: Grammar, rng: random.Random, depth: int) -> str:
    # A stack of open groups, each a list of its alternatives so far.
    stack: list[list[str]] = [[""]]
    at = 0
    for token in _TOKEN.finditer(line):
        stack[-1][-1] += line[at : token.start()]
        at = token.end()
        escaped, braced, bare, mark = token.groups()
        if escaped:
            stack[-1][-1] += "\n" if escaped == "n" else escaped
        elif braced or (bare and bare in grammar):
            stack[-1][-1] += draw(grammar, rng, braced or bare, depth + 1)
        elif mark == "{":
            stack.append([""])
        elif mark == "|" and len(stack) > 1:
            stack[-1].append("")
        elif mark == "}" and len(stack) > 1:
            chosen = rng.choice(stack.pop())
            stack[-1][-1] += chosen
        else:
            stack[-1][-1] += token[0]
    if len(stack) != 1:
        raise ValueError(f"unbalanced braces: {line}")
    return stack[0][0] + line[at:]


def texts_of(grammar: Grammar, seed: int, count: int) -> list[str]:
    """So many different texts."""
    rng = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        found[draw(grammar, rng)] = None
    return list(found)


class Source(NamedTuple):
    """What texts of one kind are drawn from: a grammar, and lines that are each worth some texts."""

    grammar: Grammar
    lines: list[str]

    def texts(self, seed: int, drawn: int, per_line: int) -> list[str]:
        """`drawn` texts of the grammar and up to `per_line` of each line, every one different."""
        rng = random.Random(seed)
        of_lines = [_expand(line, self.grammar, rng, 0) for line in self.lines for _ in range(per_line)]
        return list(dict.fromkeys([*texts_of(self.grammar, seed, drawn), *of_lines]))


def source(kind: str) -> Source:
    """All of `attacks` or `innocents`."""
    files = sorted(FOLDER.glob(f"{kind}_*.txt"))
    lines = [line for path in files for line in path.read_text("utf-8").splitlines() if line[:1] not in {"", "%"}]
    return Source(read_grammar(f"{kind}.txt"), lines)


def parted(whole: Source, *, held: bool) -> Source:
    """A quarter of the lines of every list, or the rest."""
    rng = random.Random(SEED)
    lines = [line for line in whole.lines if (rng.random() < HELD_OUT_SHARE) == held]
    return Source(halves(whole.grammar, SEED, HELD_OUT_SHARE)[held], lines)


def piled(texts: Iterable[str], rng: random.Random) -> str:
    """One text of several, set apart like the attacks among others: the gaps must tell nothing."""
    return rng.choice((" ", "\n", "\n\n")).join(texts)


def among(texts: Iterable[str], others: Sequence[str], rng: random.Random) -> Iterator[str]:
    """Some of the texts with up to two others before and after: an attack is seldom all there is."""
    for text in texts:
        if rng.random() < 0.3:
            before = [rng.choice(others) for _ in range(rng.randrange(3))]
            after = [rng.choice(others) for _ in range(rng.randrange(3))]
            yield piled([*before, text, *after], rng)
        else:
            yield text


def training_texts(attacks: Source, innocents: Source, seed: int = SEED) -> tuple[list[str], list[str]]:
    """Attacks, some of them among innocent texts, and innocent texts, some of them in piles."""
    rng = random.Random(seed)
    fair = innocents.texts(seed, 3_000, 40)
    piles = [piled([rng.choice(fair) for _ in range(rng.randrange(2, 12))], rng) for _ in range(4_000)]
    return list(among(attacks.texts(seed + 1, 2_500, 40), fair, rng)), [*fair, *piles]


def own_prose() -> Iterator[str]:
    """The documentation and the docstrings of this repository: long, technical and innocent."""
    for path in [*ROOT.glob("*.md"), *sorted((ROOT / "docs").rglob("*.md"))]:
        if path.name != "prompt-injection.md":
            yield path.read_text("utf-8")
    for path in sorted((ROOT / "axonflow").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                yield ast.get_docstring(node) or ""
