"""A text that a pattern matches, drawn at random: keys for tests, of which no file holds one."""

import re._parser as parser
import string

SPACES, WORDS = " \t", string.ascii_letters + string.digits + "_"
CATEGORIES = {
    parser.CATEGORY_DIGIT: string.digits,
    parser.CATEGORY_WORD: WORDS,
    parser.CATEGORY_SPACE: SPACES,
}
PRINTABLE = "".join(chr(code) for code in range(33, 127))


def drawn(pattern, rng):
    """A match of `pattern`, which has no look-around; every repetition at its least and up to 40 more."""
    return "".join(_drawn(node, rng) for node in parser.parse(pattern))


def _drawn(node, rng):
    kind, value = node
    if kind is parser.LITERAL:
        return chr(value)
    if kind is parser.NOT_LITERAL:
        return rng.choice([char for char in PRINTABLE if ord(char) != value])
    if kind is parser.ANY:
        return rng.choice(PRINTABLE)
    if kind is parser.IN:
        return rng.choice(_class(value))
    if kind is parser.BRANCH:
        return "".join(_drawn(inner, rng) for inner in rng.choice(value[1]))
    if kind is parser.SUBPATTERN:
        return "".join(_drawn(inner, rng) for inner in value[3])
    if kind in {parser.MAX_REPEAT, parser.MIN_REPEAT}:
        least, most, inner = value
        times = rng.randint(least, min(most, least + 40))
        return "".join(_drawn(one, rng) for _ in range(times) for one in inner)
    assert kind is parser.AT, kind
    return ""


def _class(items):
    chars = set()
    for kind, value in items:
        if kind is parser.LITERAL:
            chars.add(chr(value))
        elif kind is parser.RANGE:
            chars.update(map(chr, range(value[0], value[1] + 1)))
        elif kind is parser.CATEGORY:
            chars.update(CATEGORIES[value])
    if items[0][0] is parser.NEGATE:
        chars = set(PRINTABLE) - chars
    return sorted(chars)
