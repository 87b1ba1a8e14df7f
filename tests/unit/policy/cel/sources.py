"""Expressions as text, drawn from a small grammar, and requests for them: mostly of the right kinds, not always."""

from hypothesis import strategies as st

from axonflow import Request
from tests.strategies import ENVS, NAMES, json_values, principals

LEAVES = {
    "bool": ["true", "false", "context.flag", "context.deep.flag", "has(context.env)", "has(context.deep.flag)",
             "has(principal.level)", "has(principal.on_behalf_of)", "has(content.to)", "context.deep.a",
             "principal.trust"],
    "number": ["0", "1", "-1", "1u", "2", "7", "9223372036854775807", "1.5", "-0.5", "0.0", "context.risk",
               "principal.level", "context.deep.n", "context.missing", "size(principal.roles)", "chars(content)"],
    "text": ['"a"', '""', '"prod"', '"admin"', "'ü'", "principal.id", "principal.tenant", "principal.type",
             "principal.on_behalf_of.id", "resource.id", "resource.type", "action", "context.env", "context.deep.s",
             "content", "context.missing", "content.to"],
    "list": ["principal.roles", "principal.groups", "context.items", "context.deep.items", "texts(content)", "[]",
             '["a", "admin", "prod"]', '[1, 2.0, "x"]', "context.deep", "context.missing", "[true, false, null]"],
    "optional": ["context.?risk", "principal.?level", "context.deep.?flag", "context.items[?0]", "optional.none()",
                 "optional.of(context.risk)", "context.?deep.n", 'context.?deep["items"]', "principal.roles[?1]",
                 "resource.?owner", "content.?to"],
    "bytes": ['b"a"', 'b""', "b'\\377'", 'b"prod"'],
    "any": ["null", "content", "context.extra", "context.deep", "context.items", "principal.attributes",
            "resource.owner", '{"a": 1, "b": [2]}', "{1: true}"],
}  # fmt: skip
MAPS = ["context", "context.deep", "principal.attributes", "resource.owner", "content", '{"a": 1, "b": [2]}']
ANY_KIND = ["bool", "number", "text", "list", "any", "optional", "bytes"]


@st.composite
def sources(draw, kind="bool", depth=4, scope=()):
    """An expression that is meant to be of `kind`, with the macro variables in `scope`."""
    if draw(st.integers(0, 59)) == 0:
        kind = draw(st.sampled_from(ANY_KIND))
    variables = [name for name, of in scope if of in {kind, "any"} or kind == "any"]
    if depth == 0 or draw(st.integers(0, 5)) == 0:
        return draw(st.sampled_from(LEAVES[kind] + variables * 4))

    def part(of, **more):
        return draw(sources(of, depth - 1, **{"scope": scope, **more}))

    shape = draw(st.sampled_from(SHAPES[kind]))
    return shape(part, draw, scope)


def _same(part, draw, scope):
    of = draw(st.sampled_from(ANY_KIND))
    return f"({part(of)} {draw(st.sampled_from(['==', '!=']))} {part(of)})"


def _ordered(part, draw, scope):
    of = draw(st.sampled_from(["number", "number", "text", "bool"]))
    return f"({part(of)} {draw(st.sampled_from(['<', '<=', '>', '>=']))} {part(of)})"


def _logical(part, draw, scope):
    operator = draw(st.sampled_from([" && ", " || "]))
    return f"({operator.join(part('bool') for _ in range(draw(st.integers(2, 3))))})"


def _method(part, draw, scope):
    return f"{part('text')}.{draw(st.sampled_from(['contains', 'startsWith', 'endsWith']))}({part('text')})"


def _loop(macros, of):
    def shape(part, draw, scope):
        variable = draw(st.sampled_from(["x", "y", "context"])) if len(scope) < 2 else "z"
        over, element = draw(st.sampled_from(["list", "list", *MAPS])), "any"
        inner = (*(entry for entry in scope if entry[0] != variable), (variable, element))
        if len(scope) >= 3:
            return part(of)
        ranged = part("list") if over == "list" else over
        return f"{ranged}.{draw(st.sampled_from(macros))}({variable}, {part(of, scope=inner)})"

    return shape


def _pairs(macros, of, condition=False):
    def shape(part, draw, scope):
        if len({name for name, _ in scope}) >= 3:
            return part(of)
        first, second = draw(st.sampled_from([("i", "x"), ("x", "y"), ("k", "context")]))
        over = draw(st.sampled_from(["list", "list", *MAPS]))
        inner = (*(entry for entry in scope if entry[0] not in {first, second}), (first, "any"), (second, "any"))
        ranged = part("list") if over == "list" else over
        test = f"{part('bool', scope=inner)}, " if condition else ""
        return f"{ranged}.{draw(st.sampled_from(macros))}({first}, {second}, {test}{part(of, scope=inner)})"

    return shape


def _bound(of):
    def shape(part, draw, scope):
        name, kind = draw(st.sampled_from(["b", "x", "principal"])), draw(st.sampled_from(ANY_KIND))
        inner = (*(entry for entry in scope if entry[0] != name), (name, kind))
        return f"cel.bind({name}, {part(kind)}, {part(of, scope=inner)})"

    return shape


def _or_value(of):
    return lambda part, draw, scope: f"{part('optional')}.orValue({part(of)})"


def _within(of):
    def shape(part, draw, scope):
        macro, kind = draw(st.sampled_from([("optMap", "any"), ("optFlatMap", "optional")]))
        return f"{part('optional')}.{macro}(o, {part(kind, scope=(*scope, ('o', 'any')))})"

    return shape


def _arithmetic(part, draw, scope):
    return f"({part('number')} {draw(st.sampled_from('+-*/%'))} {part('number')})"


def _choice(of):
    return lambda part, draw, scope: f"({part('bool')} ? {part(of)} : {part(of)})"


def _map(part, draw, scope):
    return f"{{{part('text')}: {part('any')}, {part('number')}: {part('any')}}}"


SHAPES = {
    "bool": [
        _same, _ordered, _logical, _logical, _method, _choice("bool"), _loop(["exists", "all", "exists_one"], "bool"),
        _pairs(["exists", "all", "existsOne"], "bool"), _bound("bool"), _or_value("bool"),
        lambda part, draw, scope: f"{part('optional')}.hasValue()",
        lambda part, draw, scope: f"has({draw(st.sampled_from(['context.?deep', 'context.?none', 'content.?a']))}.a)",
        lambda part, draw, scope: f"{part('text')}.matches({part('text')})",
        lambda part, draw, scope: f"({part('bytes')} < {part('bytes')})",
        lambda part, draw, scope: f"({part('any')} in {part('list')})",
        lambda part, draw, scope: f'({part("text")} in ["prod", "ann", "admin", ""])',
        lambda part, draw, scope: f"!{part('bool')}",
        lambda part, draw, scope: f"({part('text')} in {draw(st.sampled_from(MAPS))})",
        lambda part, draw, scope: f"has({draw(st.sampled_from(MAPS))}.a)",
        lambda part, draw, scope: f"dyn({part('bool')})",
    ],
    "number": [
        _arithmetic, _arithmetic, _choice("number"), _or_value("number"), _bound("number"),
        lambda part, draw, scope: f"(1u {draw(st.sampled_from('+-*/%'))} {draw(st.sampled_from(['0u', '2u', '3u']))})",
        lambda part, draw, scope: f"size({part('bytes')})",
        lambda part, draw, scope: f"{part('optional')}.value()",
        lambda part, draw, scope: f"size({part(draw(st.sampled_from(['text', 'list'])))})",
        lambda part, draw, scope: f"chars({part('any')})",
        lambda part, draw, scope: f"-{part('number')}",
        lambda part, draw, scope: f"{part('list')}[{part('number')}]",
    ],
    "text": [
        _choice("text"), _or_value("text"),
        lambda part, draw, scope: f"({part('text')} + {part('text')})",
        lambda part, draw, scope: f"{part('list')}[{part('number')}]",
    ],
    "list": [
        _choice("list"), _loop(["filter"], "bool"), _loop(["map"], "any"),
        _loop(["sortBy"], "number"), _loop(["sortBy"], "any"),
        _pairs(["transformList"], "any"), _pairs(["transformList"], "any", condition=True), _bound("list"),
        lambda part, draw, scope: f"[?{part('optional')}, {part('any')}, ?{part('optional')}]",
        lambda part, draw, scope: f"({part('list')} + {part('list')})",
        lambda part, draw, scope: f"[{part('any')}, {part('any')}]",
        lambda part, draw, scope: f"texts({part('any')})",
        lambda part, draw, scope: f"{part('list')}.map(m, {part('bool')}, m)",
    ],
    "optional": [
        _choice("optional"), _within("optional"), _within("optional"),
        lambda part, draw, scope: f"{draw(st.sampled_from(MAPS))}.?{draw(st.sampled_from(['a', 'flag', 'items']))}",
        lambda part, draw, scope: f"{part('list')}[?{part('number')}]",
        lambda part, draw, scope: f"{part('optional')}.or({part('optional')})",
        lambda part, draw, scope: f"optional.ofNonZeroValue({part('any')})",
        lambda part, draw, scope: f"{part('optional')}.a",
        lambda part, draw, scope: f"{part('optional')}[?{part('number')}]",
    ],
    "bytes": [
        _choice("bytes"), lambda part, draw, scope: f"({part('bytes')} + {part('bytes')})",
    ],
    "any": [
        _same, _choice("any"), _map, _pairs(["transformMap"], "any"), _pairs(["transformMap"], "any", condition=True),
        lambda part, draw, scope: f"{{?{part('text')}: {part('optional')}}}",
        lambda part, draw, scope: f"{draw(st.sampled_from(MAPS))}.transformMapEntry(k, v, {{{part('text')}: v}})",
        lambda part, draw, scope: part("optional"), lambda part, draw, scope: part("bytes"),
        lambda part, draw, scope: part("bool"), lambda part, draw, scope: part("number"),
        lambda part, draw, scope: part("text"), lambda part, draw, scope: part("list"),
        lambda part, draw, scope: f"{draw(st.sampled_from(MAPS))}.a",
        lambda part, draw, scope: f"{draw(st.sampled_from(MAPS))}[{part('text')}]",
    ],
}  # fmt: skip


VALUES = st.booleans() | st.integers(-3, 100) | st.sampled_from([1.5, 2.0, "a", "prod", "admin", None])


def mostly(good):
    """One of `good`, of any kind once in a while, and absent (None here) once in a while."""
    return st.integers(0, 11).flatmap(lambda n: st.none() if n == 0 else VALUES if n == 1 else good)


def _present(fields):
    return {name: value for name, value in fields.items() if value is not None}


def requests():
    lists = st.lists(VALUES | NAMES, max_size=3)
    deep = st.fixed_dictionaries(
        {
            "flag": mostly(st.booleans()),
            "n": mostly(st.integers(-3, 3)),
            "s": mostly(NAMES),
            "a": mostly(st.booleans()),
            "items": mostly(lists),
        }
    ).map(_present)
    context = st.fixed_dictionaries(
        {
            "env": mostly(ENVS),
            "risk": mostly(st.integers(0, 100)),
            "flag": mostly(st.booleans()),
            "items": mostly(lists),
            "deep": mostly(deep),
            "extra": mostly(json_values()),
        }
    ).map(_present)
    attributes = st.fixed_dictionaries({"level": mostly(st.integers(0, 9)), "trust": mostly(st.booleans())})
    principal = st.builds(lambda who, more: {**who, "attributes": _present(more)}, principals(), attributes)
    resource = {"type": "tool", "id": "shell", "attributes": {"owner": {"a": ["ann"]}}}
    content = NAMES | st.fixed_dictionaries({"to": NAMES, "a": json_values()}) | json_values()
    return st.builds(
        Request, principal, st.sampled_from(["tool.call", "llm.request"]), st.just(resource), context, content
    )
