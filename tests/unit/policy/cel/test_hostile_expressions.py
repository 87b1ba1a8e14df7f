"""Whatever text stands where an expression should: it is refused with a place in it, or it is only an expression."""

import keyword
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axonflow import AxonFlow, Request
from axonflow.errors import ExpressionError, PolicyError
from axonflow.policy.cel import Compiler, parse
from axonflow.policy.cel.overloads import named
from axonflow.policy.cel.runtime import RUNTIME
from axonflow.policy.cel.values import CelError
from tests.strategies import policy_set
from tests.unit.policy.cel.expressions import REQUEST, Host, value
from tests.unit.policy.cel.sources import sources

HOST = Host()
TOKENS = st.sampled_from([
    *"()[]{}!-+*/%?:.,<\"'`\\ \n\x00aüx1", "&&", "||", "==", "in", "has(", "context", "principal", "0x", "1e9", "5u",
    '"""', "r'", "b'", "//", "\U0001f600", "\ud800", "true", "null", ".exists(", ".map(x,", "size(", "matches(",
    "__class__", "{0}",
])  # fmt: skip


def refused_or_compiled(text):
    refusal = None
    try:
        return Compiler(HOST).condition(text)
    except ExpressionError as error:
        refusal = error
    assert 0 <= refusal.offset <= len(text)
    assert str(refusal)
    return None


@given(st.text(max_size=200))
def test_any_text_is_refused_with_an_offset_in_it_or_compiles(text):
    refused_or_compiled(text)


@given(st.lists(TOKENS, max_size=40).map("".join))
@settings(max_examples=200)
def test_any_tokens_are_refused_with_an_offset_in_them_or_compile(text):
    refused_or_compiled(text)


@given(sources(), st.data())
@settings(max_examples=120)
def test_expression_with_a_change_is_refused_with_an_offset_in_it_or_compiles(text, data):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 4)))
    refused_or_compiled(text[:start] + data.draw(TOKENS | st.text(max_size=3)) + text[end:])


@pytest.mark.parametrize(
    "part",
    [*"([{!-\"'`19. \n\\\x00\U0001f600\ud800", "a.", "a[", '"""', "'''", "a?a:", "a&&", "a||", "1+", "a==", "[1,",
     "{1:", "has(", "a.b(", "[1].map(x,", "//", "r'", "1e", "0x", "x in ", "-1-", "not ", "dyn(", "a.exists(a,"],
)  # fmt: skip
def test_part_repeated_over_16k_characters_is_refused(part):
    text = (part * 16_384)[:16_384]
    with pytest.raises(ExpressionError) as raised:
        Compiler(HOST).condition(text)
    assert 0 <= raised.value.offset <= len(text)
    assert len(str(raised.value)) < 500


def test_expression_over_the_limit_is_refused_unread():
    with pytest.raises(ExpressionError, match="at most 16384 characters, found 16385") as raised:
        parse(" " * 16_384 + "1")
    assert raised.value.offset == 0


@pytest.mark.parametrize("digits", [5_000, 16_000])
def test_number_of_thousands_of_digits_is_out_of_range(digits):
    with pytest.raises(ExpressionError, match="number out of range: expected an integer of 64 bits"):
        parse("9" * digits)


def test_wide_expression_of_16k_characters_compiles():
    items = ",".join("1" for _ in range(8_000))
    assert value(f"size([{items}]) == 8000") is True


def test_expression_compiled_far_down_the_stack_is_refused_instead_of_failing_otherwise():
    def down(levels):
        return refused_or_compiled("(" * 39 + "true" + ")" * 39) if levels == 0 else down(levels - 1)

    assert down(0) is not None
    depth, frame = 0, sys._getframe()
    while frame:
        depth, frame = depth + 1, frame.f_back
    assert down(sys.getrecursionlimit() - depth - 120) is None


@pytest.mark.parametrize("text", ["(" * 39 + "context.a" + ")" * 39 + " == 1", None])
def test_expression_read_before_is_refused_far_down_the_stack_all_the_same(text):
    """Where little is left: with a few frames more it is compiled, with a few less nobody could say anything."""
    compiler = Compiler(HOST)
    expression = None if text is None else compiler.read(text)

    def down(levels):
        return compiler.condition(expression) if levels == 0 else down(levels - 1)

    depth, frame = 0, sys._getframe()
    while frame:
        depth, frame = depth + 1, frame.f_back
    told = []
    for left in range(8, 120):  # tracing has frames of its own
        try:
            told.append(type(down(sys.getrecursionlimit() - depth - left)).__name__)
        except RecursionError:
            told.append("nothing")
        except ExpressionError as error:
            told.append(error.message)
    assert set(told) <= {"nothing", "nested too deep for what is left of the stack", "Condition"}
    assert "nested too deep for what is left of the stack" in told
    assert set(told[told.index("Condition") :]) == {"Condition"}


# -- the deepest that is legal compiles, whatever it is made of


WRAPPERS = {
    "brackets": "({})",
    "not": "!({})",
    "equal": "true == ({})",
    "unequal": "({}) != (true)",
    "and": "true && ({})",
    "or": "({}) || false",
    "test": "({}) ? true : false",
    "then": "true ? ({}) : false",
    "otherwise": "false ? true : ({})",
    "dyn": "dyn({})",
    "list": "[{}][0]",
    "map": "{{'a': {}}}.a",
    "key": "{{string(dyn({})): 1}}",
    "order": "dyn({}) < dyn(3)",
    "chosen order": "(true ? {} : 1) < 3",
    "lower": "dyn({}).lowerAscii()",
    "contains": "dyn('a').contains(dyn({}))",
    "join": "dyn([{}]).join(dyn(','))",
    "month": "timestamp(dyn({})).getMonth('UTC')",
    "loop": "[{}].exists(e, e)",
    "filtered map": "[dyn({})].map(e, e, e)",
    "size": "size(dyn({}))",
    "matches": "dyn({}).matches('a')",
    "in": "({}) in [true]",
}


MIXTURES = [
    ["month", "lower"], ["order", "then", "not"], ["and", "or", "equal"], ["loop", "dyn", "chosen order"],
    ["contains", "key", "month", "filtered map"],
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("names", [*([name] for name in WRAPPERS), *MIXTURES], ids="-".join)
def test_expression_as_deep_as_the_limits_allow_compiles_in_this_python(names):
    text, deepest, refusal = "true", 0, None
    for number in range(60):
        text = WRAPPERS[names[number % len(names)]].format(text)
        try:
            Compiler(HOST).value(text)
            Compiler(HOST).condition(f"dyn({text}) == 1")
        except ExpressionError as error:
            refusal = error
            break
        deepest = number
    assert "deep" in refusal.message
    assert deepest >= 10


# -- nothing leads to Python


PYTHON = [
    "__class__",
    "__dict__",
    "__builtins__",
    "__globals__",
    "__import__",
    "__init__",
    "mro",
    "keys",
    "format",
    "eval",
]


@pytest.mark.parametrize("name", PYTHON)
@pytest.mark.parametrize(
    "owner", ["context", "context.deep", "principal", "resource", "principal.attributes", "content"]
)
def test_name_of_pythons_is_an_attribute_that_is_missing(owner, name):
    for text in (f"{owner}.{name}", f"{owner}.`{name}`"):
        with pytest.raises(CelError, match="is missing"):
            value(text)
    assert value(f"has({owner}.{name})") is False


@pytest.mark.parametrize("name", [*PYTHON, *RUNTIME, "request", "evaluation", "c0", "v1", "t1", "make", "True", "None"])
def test_name_that_the_compiled_source_uses_is_unknown_to_expressions(name):
    with pytest.raises(ExpressionError, match=r"unknown (name|function)"):
        parse_and_emit(name)
    if not named(name, is_method=False):
        with pytest.raises(
            ExpressionError, match=r"unknown function|not called like this|asks for a field|[0-9] arguments"
        ):
            parse_and_emit(f"{name}(1)")


def parse_and_emit(text):
    return Compiler(HOST).value(text)


@pytest.mark.parametrize("name", [*keyword.kwlist, *keyword.softkwlist])
def test_attribute_named_like_a_python_keyword_is_read_like_any_other(name):
    request = Request("user:ann", "tool.call", "tool:x", {name: {name: 5}})
    assert value(
        f"context.`{name}`.`{name}` == 5 && has(context.`{name}`) && context['{name}']['{name}'] == 5", request
    )


@pytest.mark.parametrize(
    "name", ["request", "evaluation", "c0", "v2", "exists", "context", "findings", "lambda", "None"]
)
def test_variable_named_like_something_in_the_compiled_source_is_its_own(name):
    assert value(f"[1, 2].exists({name}, {name} == 2) && [[3]].all({name}, {name}.all(x, x == 3 && [{name}] == [[3]]))")


TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\\'\"") | st.sampled_from("{}%$#`()[]")
)
HOSTILE = [
    "{0}",
    "{}",
    "{{",
    "}",
    "{0.__class__}",
    "%s",
    "')",
    '"; import os',
    "c0",
    "\\",
    '\\"',
    "'''",
    '"""',
    "\n#",
    "\x00",
]


def literal(text):
    escaped = "".join(f"\\u{ord(char):04x}" if char in "\\'\"\r\n\x00" else char for char in text)
    return f'"{escaped}"'


@given(TEXTS | st.sampled_from(HOSTILE))
def test_constant_is_itself_wherever_a_function_takes_it(text):
    request = Request("user:ann", "tool.call", "tool:x", {"t": text})
    quoted = literal(text)
    same = f"[context.t].exists(x, x == {quoted}) && (true ? {quoted} : '') == context.t"
    for expression in (
        f"{quoted} == context.t",
        f"{quoted}.contains({quoted}) && context.t.startsWith({quoted}) && {quoted}.endsWith(context.t)",
        f"[{quoted}].join({quoted}) == context.t && texts([{quoted}]) == [context.t] && context.t in [{quoted}]",
        f"{{{quoted}: {quoted}}}[context.t] == context.t && size({quoted}) == size(context.t)",
        f"{same} && dyn({quoted}) == string(context.t)",
    ):
        assert value(expression, request) is True
        assert Compiler(HOST).condition(expression).careful(request, Unbounded()) is True


class Unbounded:
    def spend(self, steps):
        assert steps >= 0


@given(st.sampled_from(HOSTILE), st.sampled_from(HOSTILE))
def test_rules_that_differ_in_constants_alone_share_their_code(one, other):
    compiler = Compiler(HOST)
    shapes = []
    for text in (one, other):
        compiler.condition(f"context.t == {literal(text)} && principal.id.contains({literal(text)})")
        shapes.append(len(compiler._shapes))
    assert shapes == [1, 1]


@pytest.mark.parametrize(
    "when", ["context.a ==", "'" + "a" * 20_000 + "'", "[" * 1_000, "a\x00b", "9" * 5_000, "\U0001f600"]
)
def test_policy_with_a_hostile_expression_is_refused_with_its_place(when):
    with pytest.raises(PolicyError) as raised:
        AxonFlow.open(policy_set([{"id": "r", "effect": "deny", "when": when}]))
    assert "policies.rules[0].when" in str(raised.value)


def test_pattern_of_a_policy_takes_linear_time():
    request = Request("user:ann", "tool.call", "tool:x", {"t": "a" * 100_000 + "!"})
    assert value("context.t.matches('^(a+)+$')", request) is False


def test_message_of_an_unknown_name_is_short():
    with pytest.raises(ExpressionError) as raised:
        value("x" * 16_000, REQUEST)
    assert len(str(raised.value)) < 300
