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
    "any": ["null", "content", "context.extra", "context.deep", "context.items", "principal.attributes",
            "resource.owner", '{"a": 1, "b": [2]}', "{1: true}"],
}  # fmt: skip
MAPS = ["context", "context.deep", "principal.attributes", "resource.owner", "content", '{"a": 1, "b": [2]}']
ANY_KIND = ["bool", "number", "text", "list", "any"]


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


def _arithmetic(part, draw, scope):
    return f"({part('number')} {draw(st.sampled_from('+-*/%'))} {part('number')})"


def _choice(of):
    return lambda part, draw, scope: f"({part('bool')} ? {part(of)} : {part(of)})"


def _map(part, draw, scope):
    return f"{{{part('text')}: {part('any')}, {part('number')}: {part('any')}}}"


SHAPES = {
    "bool": [
        _same, _ordered, _logical, _logical, _method, _choice("bool"), _loop(["exists", "all", "exists_one"], "bool"),
        lambda part, draw, scope: f"({part('any')} in {part('list')})",
        lambda part, draw, scope: f'({part("text")} in ["prod", "ann", "admin", ""])',
        lambda part, draw, scope: f"!{part('bool')}",
        lambda part, draw, scope: f"({part('text')} in {draw(st.sampled_from(MAPS))})",
        lambda part, draw, scope: f"has({draw(st.sampled_from(MAPS))}.a)",
        lambda part, draw, scope: f"dyn({part('bool')})",
    ],
    "number": [
        _arithmetic, _arithmetic, _choice("number"),
        lambda part, draw, scope: f"size({part(draw(st.sampled_from(['text', 'list'])))})",
        lambda part, draw, scope: f"chars({part('any')})",
        lambda part, draw, scope: f"-{part('number')}",
        lambda part, draw, scope: f"{part('list')}[{part('number')}]",
    ],
    "text": [
        _choice("text"),
        lambda part, draw, scope: f"({part('text')} + {part('text')})",
        lambda part, draw, scope: f"{part('list')}[{part('number')}]",
    ],
    "list": [
        _choice("list"), _loop(["filter"], "bool"), _loop(["map"], "any"),
        lambda part, draw, scope: f"({part('list')} + {part('list')})",
        lambda part, draw, scope: f"[{part('any')}, {part('any')}]",
        lambda part, draw, scope: f"texts({part('any')})",
        lambda part, draw, scope: f"{part('list')}.map(m, {part('bool')}, m)",
    ],
    "any": [
        _same, _choice("any"), _map,
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
