"""Text that stands where an expression should: by chance, by grammar, changed, nested, huge."""

from tests.fuzz import corpus

TOKENS = (
    *"()[]{}!-+*/%?:.,<>=&|\"'`\\ \n\t\x00\r",
    *"&& || == != <= >= in true false null // /* 0 1 -1 7 1u 0x1F 1e9 1.5 9223372036854775807 99999999999u".split(),
    *"principal resource context content action time findings principal.roles context.risk resource.id".split(),
    *"has( size( dyn( int( uint( double( string( bytes( bool( type( duration( timestamp( texts( detected(".split(),
    *".exists( .all( .exists_one( .map( .filter( .matches( .contains( .startsWith( .join( .getHours( x, i,j,".split(),
    *"__class__ __builtins__ __import__ lambda import exec eval os.system self request evaluation {0} %s".split(),
    '"a"', "'b'", 'r"\\"', 'b"\\xff"', '"""', "'''", '"\\u00e9"', '"\\ud800"', "\ud800", "\U0001f600", "ü", "\u202e",
    '"1h"', '"2026-11-21T09:30:05Z"', '"Europe/Berlin"', '"../../etc/passwd"', '"pii"', '"(a+)+$"', "a{1000}",
)  # fmt: skip
BOOLS = (
    "true",
    "false",
    "context.flag",
    "has(context.env)",
    '"ops" in principal.roles',
    'detected("pii")',
    "context.absent",
)
NUMBERS = (
    "0",
    "1",
    "-1",
    "1u",
    "1.5",
    "context.risk",
    "size(principal.roles)",
    "9223372036854775807",
    "0.0",
    "chars(content)",
)
STRINGS = ('"a"', "resource.id", "principal.id", "context.env", "action", '""', "'\U0001f600'", "string(context.risk)")
LISTS = ("principal.roles", "[1, 2, 3]", "[]", "context.items", "texts(content)", "findings", '["a", 1, null]')
MAPS = ("context", "{}", '{"a": 1}', "context.deep", "principal.attributes", "{1: 2, true: 3}")
SHAPES = {
    "bool": (
        "({bool} && {bool})", "({bool} || {bool})", "!({bool})", "({bool} ? {bool} : {bool})", "({number} < {number})",
        "({any} == {any})", "({any} in {list})", "{list}.exists(v, {bool})", "{list}.all(v, v == {any})",
        "{list}.exists_one(v, {any} != v)", "{string}.contains({string})", '{string}.matches("^a+")',
        "{string}.startsWith({string})", "({string} in {map})", "({string} >= {string})", "has(context.deep.er)",
    ),
    "number": (
        "({number} + {number})", "({number} - {number})", "({number} * {number})", "({number} / {number})",
        "({number} % {number})", "-({number})", "size({list})", "size({string})", "int({any})", "{list}[{number}]",
        "({bool} ? {number} : {number})", "time.getHours({string})", "double({any})", "duration({string}).getSeconds()",
    ),
    "string": (
        "({string} + {string})", "{string}.lowerAscii()", "{list}.join({string})", "string({any})", "{map}[{string}]",
        "({bool} ? {string} : {string})", "{string}.trim()",
    ),
    "list": ("[{any}, {any}]", "{list}.map(v, {any})", "{list}.filter(v, {bool})", "({list} + {list})", "texts({any})"),
    "map": ("{{{any}: {any}}}", '{{"k": {map}}}', "{{{string}: {list}, {number}: {any}}}"),
}  # fmt: skip
LEAVES = {"bool": BOOLS, "number": NUMBERS, "string": STRINGS, "list": LISTS, "map": MAPS}
WRAPPERS = (
    "({})", "!({})", "-({})", "[{}]", "{{'a': {}}}", "[{}][0]", "dyn({})", "true ? ({}) : false", "({}) ? 1 : 2",
    "true && ({})", "({}) || false", "({}) == 1", "1 + ({})", "[1].exists(x, {})", "[{}].map(x, x)", "{}.a", "{}[0]",
    "has({}.a)", "size({})", "string({})", "texts({})", "{{{}: 1}}", "[[1].all(y, {})]", "({}) in [1]",
)  # fmt: skip
PATTERNS = (
    "(a+)+",
    "a{999}",
    "(a{99}){99}",
    "[a-z]*x",
    "(?i)é",
    "(",
    "\\\\p{L}",
    "(a|aa)*",
    ".{0,500}",
    "a{1,1000000}",
)
CHARACTERS = "".join(map(chr, (*range(160), 0xE9, 0x2028, 0x202E, 0xFEFF, 0xD800, 0xDFFF, 0xFFFF, 0x1F600, 0x10FFFF)))


def text(rng):
    return "".join(rng.choices(CHARACTERS, k=rng.choice([1, 5, 20, 200])))


def token_soup(rng):
    return rng.choice(["", " "]).join(rng.choices(TOKENS, k=rng.choice([2, 5, 10, 40, 300])))


def grown(rng, kind="bool", depth=None):
    """An expression by the grammar; kinds are mostly right."""
    depth = rng.randrange(7) if depth is None else depth
    if kind == "any" or rng.random() < 0.04:
        kind = rng.choice(list(SHAPES))
    if depth == 0 or rng.random() < 0.15:
        return rng.choice(LEAVES[kind])
    shape = rng.choice(SHAPES[kind])
    parts = {name: grown(rng, name, depth - 1) for name in (*SHAPES, "any") if f"{{{name}}}" in shape}
    return shape.format(**parts)


def mutated(rng):
    """A valid expression, changed in up to four places."""
    source = rng.choice(corpus.expressions()) if rng.random() < 0.5 else grown(rng)
    for _ in range(rng.randint(1, 4)):
        start = rng.randint(0, len(source))
        end = min(len(source), start + rng.choice([0, 1, 2, 8, 40]))
        piece = source[start : start + 30]
        source = source[:start] + rng.choice([rng.choice(TOKENS), text(rng)[:3], "", piece * 3]) + source[end:]
    return source


def nested(rng):
    """Up to 10,000 levels, of one wrapper or of many."""
    wrappers = rng.choices(WRAPPERS, k=rng.choice([1, 1, 2, 5]))
    source = grown(rng, depth=1)
    for level in range(rng.choice([10, 35, 39, 41, 60, 300, 2_000, 10_000])):
        source = wrappers[level % len(wrappers)].format(source)
        if len(source) > 40_000:
            break
    return source if rng.random() < 0.8 else source[: rng.randrange(len(source))]


def huge(rng):
    """One literal, chain or pattern at and over the limits."""
    size = rng.choice([100, 255, 257, 1_000, 4_000, 16_000, 17_000, 100_000])
    makers = (
        lambda: '"' + "a" * size + '" == context.env',
        lambda: "9" * size + " > 1",
        lambda: "1." + "0" * size + "1 < context.ratio",
        lambda: "1e" + "9" * min(size, 400) + " > 0.0",
        lambda: "context.risk in [" + ",".join(str(number) for number in range(size)) + "]",
        lambda: "size({" + ",".join(f"{number}:{number}" for number in range(size)) + "}) > 0",
        lambda: rng.choice([" && ", " || "]).join([rng.choice(BOOLS)] * size),
        lambda: rng.choice([" + ", " - ", " * ", " / "]).join(["context.risk"] * size) + " > 0",
        lambda: "context" + ".deep" * size + " == 1",
        lambda: f'context.env.matches("{rng.choice(PATTERNS) * min(size, 400)}")',
        lambda: "[1,2,3,4,5,6,7,8,9]" + ".map(x, [x, x, x, x])" * min(size, 300) + ".size() > 0",
        lambda: _loops(rng, min(size, 40)),
        lambda: "string(" * 3 + '"' + "é" * size + '"' + ")" * 3 + ' != ""',
        lambda: " " * size + "true",
        lambda: "//" + "x" * size + "\ntrue",
        lambda: "`" + "a" * size + "` == 1",
    )  # fmt: skip
    return rng.choice(makers)()


def _loops(rng, size):
    """Loops in loops, that build or join as much as they can."""
    many = "[" + ",".join(["context.items"] * size) + "]"
    body = rng.choice([
        f"{many}.exists(c, texts(content).size() > 999)",
        f'{many}.map(c, "{"a" * 200}").join("b") == ""',
        f"{many}.all(c, {many}.all(d, {many}.all(e, c == d && d == e)))",
        f"({many} + {many}).size() > 0",
    ])  # fmt: skip
    return f"{many}.all(a, {many}.all(b, {body}))"


MAKERS = {
    "text": text,
    "token soup": token_soup,
    "grown": grown,
    "mutated": mutated,
    "nested": nested,
    "huge": huge,
}
