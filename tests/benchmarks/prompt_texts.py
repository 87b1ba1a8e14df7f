"""Attacks and innocent texts for the prompt detector, drawn by seed from the grammars in tests/data/prompt."""

import random
import re
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "data" / "prompt"
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
