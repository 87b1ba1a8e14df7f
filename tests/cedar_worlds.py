"""What hypothesis draws of Cedar: policies, and requests as Cedar and as we are asked them."""

from typing import NamedTuple

from hypothesis import strategies as st

from axonflow import Request
from axonflow.policy.importing.cedar.naming import Names
from axonflow.policy.importing.cedar.syntax import (
    ActionScope,
    Annotation,
    Arithmetic,
    Attribute,
    Clause,
    Comparison,
    Conditional,
    EntityRef,
    EntityScope,
    Extension,
    Has,
    Is,
    Like,
    Logical,
    Method,
    Negation,
    Not,
    Policy,
    RecordLiteral,
    SetLiteral,
    Value,
    Variable,
)

__all__ = ["NAMES", "PRINCIPALS", "RESOURCES", "World", "entity", "policies", "stored", "worlds"]

NAMES = Names(
    memberships={"Album": "resource.albums"}, action_groups={"change": ("edit", "drop")}, types={"context.n": "int"}
)
"""What the mapping file says in these worlds."""

PRINCIPALS = [EntityRef(0, kind, id_) for kind in ("User", "Agent") for id_ in ("ann", "bob")]
GROUPS = [EntityRef(0, kind, id_) for kind in ("Group", "Role") for id_ in ("g", "h")]
RESOURCES = [EntityRef(0, kind, id_) for kind in ("Photo", "Album") for id_ in ("p", "q")]
ALBUMS = [EntityRef(0, "Album", id_) for id_ in ("p", "q")]
ACTIONS = [EntityRef(0, "Action", id_) for id_ in ("view", "edit", "dropAll")]
TEXTS = st.sampled_from(["", "a", "ab", "a*b", "x?", "ü", "a\\b"])
ATTRIBUTES = ("a", "b", "roles", "odd name")
VARIABLES = ("principal", "resource", "context")


def made(kind, *parts):
    """Nodes of a kind; where they stand does not matter."""
    return st.builds(kind, st.just(0), *parts)


def entity(drawn):
    return f'{drawn.type}::"{drawn.id}"'


# -- values, as Python has them; a frozenset is a set, an EntityRef an entity

SCALARS = st.booleans() | st.integers(-3, 3) | st.sampled_from([2**63 - 1, -(2**63)]) | TEXTS
FLAT_SETS = st.lists(st.booleans() | st.integers(-2, 2) | TEXTS, max_size=3)
SETS_ALIKE = st.sampled_from([[1, 2], [2, 1], [1, 2, 2], [[1, 2]], [[2, 1]], [], ["a"], {"a": [1, 2]}, {"a": [2, 1]}])
VALUES = (
    SCALARS
    | SETS_ALIKE
    | SETS_ALIKE
    | SETS_ALIKE
    | FLAT_SETS
    | st.lists(FLAT_SETS, max_size=2)
    | st.dictionaries(st.sampled_from(ATTRIBUTES), SCALARS | FLAT_SETS, max_size=2)
)


class World(NamedTuple):
    """A request twice; `is_plain`: whether it has nothing but plain values, so that sets in any order do not matter."""

    asked: dict
    entities: list
    request: Request
    is_plain: bool


def attributes(values):
    """Any value for the attributes that are compared with each other, and of special kinds what is of that kind."""
    plain = dict.fromkeys(ATTRIBUTES, values)
    special = {"ip": st.sampled_from(["10.1.2.3", "192.168.0.1", "::1", "2001:db8::7", "224.0.0.9"])}
    special["score"] = st.sampled_from(["0.5", "0.8", "1.0", "-3.25"])
    special["when"] = st.sampled_from(["2024-10-15T00:00:00Z", "2025-01-01T10:00:00.500Z", "1999-12-31T23:59:59Z"])
    special["owner"] = st.sampled_from(PRINCIPALS)
    return st.fixed_dictionaries({}, optional=plain | special)


def to_cedar(name, value):
    if name == "owner":
        return {"__entity": {"type": value.type, "id": value.id}}
    extensions = {"ip": "ip", "score": "decimal", "when": "datetime"}
    return {"__extn": {"fn": extensions[name], "arg": value}} if name in extensions else value


def to_ours(name, value):
    if name == "owner":
        return f"{value.type.lower()}:{value.id}"
    return float(value) if name == "score" else value


@st.composite
def worlds(draw):
    is_plain = draw(st.booleans())
    values = SCALARS if is_plain else VALUES
    principal, resource = draw(st.sampled_from(PRINCIPALS)), draw(st.sampled_from(RESOURCES))
    groups = draw(st.lists(st.sampled_from(GROUPS), unique=True, max_size=3))
    albums = draw(st.lists(st.sampled_from([one for one in ALBUMS if one != resource]), unique=True, max_size=1))
    of_principal, of_resource = draw(attributes(values)), draw(attributes(values))
    context = draw(attributes(values)) | draw(st.fixed_dictionaries({}, optional={"n": st.integers(-3, 3) | SCALARS}))
    action = draw(st.sampled_from(ACTIONS))
    asked = {
        "principal": entity(principal),
        "action": entity(action),
        "resource": entity(resource),
        "context": {name: to_cedar(name, value) for name, value in context.items()},
    }
    entities = [
        stored(principal, of_principal, groups),
        stored(resource, of_resource, albums),
        *[stored(one, {}, []) for one in [*groups, *albums]],
    ]
    ours = {name: to_ours(name, value) for name, value in of_resource.items()}
    request = Request(
        principal={
            "id": principal.id,
            "type": principal.type.lower(),
            "groups": [g.id for g in groups if g.type == "Group"],
            "roles": [g.id for g in groups if g.type == "Role"],
            "attributes": {name: to_ours(name, value) for name, value in of_principal.items()},
        },
        action={"dropAll": "drop_all"}.get(action.id, action.id),
        resource={
            "type": resource.type.lower(),
            "id": resource.id,
            "attributes": ours | {"albums": [one.id for one in albums]},
        },
        context={name: to_ours(name, value) for name, value in context.items()},
    )
    return World(asked, entities, request, is_plain)


def stored(one, values, parents):
    return {
        "uid": {"type": one.type, "id": one.id},
        "attrs": {name: to_cedar(name, value) for name, value in values.items()},
        "parents": [{"type": parent.type, "id": parent.id} for parent in parents],
    }


# -- policies


def of(root, name):
    return Attribute(0, Variable(0, root), name)


PLAIN = st.builds(of, st.sampled_from(VARIABLES), st.sampled_from(ATTRIBUTES))
DEEP = made(Attribute, PLAIN, st.sampled_from(["a", "b"]))
SPECIAL = {name: st.builds(of, st.sampled_from(VARIABLES), st.just(name)) for name in ("ip", "score", "when", "owner")}
LITERALS = made(Value, SCALARS)
FLAT = made(SetLiteral, st.lists(LITERALS, max_size=3).map(tuple))
N = st.just(of("context", "n"))
LONGS = N | made(Value, st.integers(-3, 3)) | PLAIN
SUMS = st.builds(
    Arithmetic, st.just(0), LONGS, st.lists(st.tuples(st.sampled_from("+-"), LONGS), min_size=1, max_size=2).map(tuple)
)
PRODUCTS = made(Arithmetic, LONGS, st.tuples(st.tuples(st.just("*"), LONGS)))
NUMBERS = LONGS | SUMS | PRODUCTS | made(Negation, PLAIN | N)
RECORDS = st.builds(
    RecordLiteral,
    st.just(0),
    st.dictionaries(st.sampled_from(ATTRIBUTES), LITERALS, max_size=2).map(lambda d: tuple(d.items())),
)
OPERANDS = LITERALS | PLAIN | PLAIN | DEEP | FLAT | NUMBERS | RECORDS
EQUAL = st.sampled_from(["==", "!="])
ORDER = st.sampled_from(["<", "<=", ">", ">="])


def compared(operators, left, right):
    return made(Comparison, operators, left, right)


def extension(function, texts):
    return st.builds(lambda text: Extension(0, function, (Value(0, text),)), st.sampled_from(texts))


def method(target, names, argument):
    return st.builds(lambda t, n, a: Method(0, t, n, (a,)), target, st.sampled_from(names), argument)


MOMENTS = extension("datetime", ["2024-10-15", "2025-01-01T11:00:00.500+0100", "2025-06-01T00:00:00Z"])
LATER = st.builds(
    lambda m, d: Method(0, m, "offset", (d,)), SPECIAL["when"], extension("duration", ["1d2h", "-90m", "5ms"])
)
SINCE = st.builds(
    lambda a, b, part: Method(0, Method(0, a, "durationSince", (b,)), part, ()),
    SPECIAL["when"],
    MOMENTS,
    st.sampled_from(["toDays", "toHours", "toMinutes", "toSeconds", "toMilliseconds"]),
)
OWNERS = st.sampled_from([Variable(0, "principal"), *PRINCIPALS])
ATOMS = st.one_of(
    made(Value, st.booleans()),
    PLAIN,
    compared(EQUAL, OPERANDS, OPERANDS),
    compared(EQUAL, PLAIN, PLAIN),
    compared(EQUAL, st.just(of("context", "a")), st.just(of("context", "b"))),
    compared(ORDER, NUMBERS, NUMBERS),
    compared(ORDER, PLAIN, PLAIN),
    compared(ORDER, MOMENTS, SPECIAL["when"] | LATER),
    compared(ORDER, SINCE, NUMBERS),
    compared(EQUAL, SPECIAL["owner"], OWNERS),
    compared(EQUAL, SPECIAL["ip"], extension("ip", ["10.1.2.3", "::1"])),
    compared(EQUAL, SPECIAL["score"], extension("decimal", ["0.8", "1.0"])),
    compared(EQUAL, st.sampled_from([Variable(0, "principal")]), st.sampled_from(PRINCIPALS)),
    compared(EQUAL, st.sampled_from([Variable(0, "resource")]), st.sampled_from(RESOURCES)),
    compared(EQUAL, st.sampled_from([Variable(0, "action")]), st.sampled_from(ACTIONS)),
    compared(st.just("in"), st.just(Variable(0, "principal")), st.sampled_from([*GROUPS, *PRINCIPALS])),
    compared(st.just("in"), st.just(Variable(0, "resource")), st.sampled_from(ALBUMS)),
    compared(
        st.just("in"),
        st.just(Variable(0, "principal")),
        made(SetLiteral, st.lists(st.sampled_from([*GROUPS, *PRINCIPALS]), max_size=3).map(tuple)),
    ),
    compared(
        st.just("in"),
        st.just(Variable(0, "action")),
        made(SetLiteral, st.lists(st.sampled_from(ACTIONS), max_size=3).map(tuple)),
    ),
    made(
        Has,
        made(Variable, st.sampled_from(VARIABLES)),
        st.sampled_from([*ATTRIBUTES, "owner"]).map(lambda name: (name,)),
    ),
    made(Has, made(Variable, st.sampled_from(VARIABLES)), st.just(("a", "b"))),
    made(Has, PLAIN, st.sampled_from(["a", "b"]).map(lambda name: (name,))),
    made(Like, PLAIN | LITERALS, st.lists(TEXTS, min_size=1, max_size=3).map(tuple)),
    made(
        Is, st.just(Variable(0, "resource")), st.sampled_from(["Photo", "Album"]), st.none() | st.sampled_from(ALBUMS)
    ),
    made(
        Is, st.just(Variable(0, "principal")), st.sampled_from(["User", "Agent"]), st.none() | st.sampled_from(GROUPS)
    ),
    method(PLAIN | FLAT, ["contains"], LITERALS | PLAIN),
    method(PLAIN | FLAT, ["containsAll", "containsAny"], FLAT | PLAIN),
    st.builds(lambda target: Method(0, target, "isEmpty", ()), PLAIN | FLAT),
    method(SPECIAL["ip"], ["isInRange"], extension("ip", ["10.0.0.0/8", "10.1.2.3", "::/16", "192.168.7.7/16"])),
    st.builds(
        lambda t, n: Method(0, t, n, ()),
        SPECIAL["ip"],
        st.sampled_from(["isIpv4", "isIpv6", "isLoopback", "isMulticast"]),
    ),
    method(
        SPECIAL["score"],
        ["lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual"],
        extension("decimal", ["0.8", "-3.2500"]),
    ),
)


def _deeper(inner):
    listed = st.lists(inner, min_size=2, max_size=3).map(tuple)
    guarded = st.builds(
        lambda root, name, rest: Logical(
            0, "&&", (Has(0, Variable(0, root), (name,)), Comparison(0, "==", of(root, name), rest))
        ),
        st.sampled_from(VARIABLES),
        st.sampled_from([*ATTRIBUTES, "n"]),
        OPERANDS,
    )
    return st.one_of(
        made(Logical, st.sampled_from(["&&", "||"]), listed),
        made(Not, inner),
        made(Conditional, inner, inner, inner),
        compared(EQUAL, inner, made(Value, st.booleans())),
        guarded,
    )


CONDITIONS = st.recursive(ATOMS, _deeper, max_leaves=6)


def scopes(variable, equal, parents, kinds):
    return st.one_of(
        st.just(EntityScope(0)),
        st.builds(lambda one: EntityScope(0, None, "==", one), st.sampled_from(equal)),
        st.builds(lambda one: EntityScope(0, None, "in", one), st.sampled_from(parents)),
        st.builds(
            lambda kind, one: EntityScope(0, kind, "in" if one else None, one),
            st.sampled_from(kinds),
            st.none() | st.sampled_from(parents),
        ),
    )


ACTION_SCOPES = st.one_of(
    st.just(ActionScope(0)),
    st.builds(lambda one: ActionScope(0, "==", (one,)), st.sampled_from(ACTIONS)),
    st.builds(
        lambda some: ActionScope(0, "in", tuple(some), is_list=True),
        st.lists(st.sampled_from(ACTIONS), min_size=1, max_size=2),
    ),
)
CLAUSES = st.lists(made(Clause, st.sampled_from(["when", "unless"]), CONDITIONS), max_size=2)


def policies(effects=("permit", "permit", "forbid")):
    """Policies of one source; the last one names every action, which makes all known."""
    one = st.builds(
        Policy,
        st.just(0),
        st.sampled_from([(), (Annotation(0, "reason", "Why."),)]),
        st.sampled_from(effects),
        scopes("principal", PRINCIPALS, GROUPS, ["User", "Agent"]),
        ACTION_SCOPES,
        scopes("resource", RESOURCES, ALBUMS, ["Photo", "Album"]),
        CLAUSES.map(tuple),
    )
    never = (Clause(0, "when", Value(0, False)),)
    naming = Policy(
        0, (), "forbid", EntityScope(0), ActionScope(0, "in", tuple(ACTIONS), is_list=True), EntityScope(0), never
    )
    return st.lists(one, min_size=1, max_size=3).map(lambda some: (*some, naming))
