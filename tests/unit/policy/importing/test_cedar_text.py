"""Reading Cedar: what is refused has a place, whatever it is, and takes no longer than its length."""

import re

import cedarpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axonflow.errors import PolicyError
from axonflow.policy.importing.cedar.lexer import MAX_CEDAR_CHARS
from axonflow.policy.importing.cedar.naming import Names
from axonflow.policy.importing.cedar.parser import MAX_POLICIES, parse_policies
from axonflow.policy.importing.cedar.policies import import_cedar
from axonflow.policy.importing.cedar.printer import printed, printed_expression
from axonflow.policy.importing.places import Places

SCOPE = "permit(principal, action, resource)"
TOKENS = st.sampled_from([
    "permit", "forbid", "(", ")", "principal", "action", "resource", ",", ";", "when", "unless", "{", "}",
    "context", ".", "a", "has", "like", "is", "in", "==", "<", "&&", "||", "!", "-", "+", "*", "1", "[", "]",
    "User", "::", "if", "then", "else", "true", "?principal", "@id", ":", "contains", "ip",
    "999999999999999999999", '"x"', '"a*"',
])  # fmt: skip


def parse(text):
    return parse_policies(text, Places("f.cedar", text).at)


def refusal(text):
    with pytest.raises(PolicyError) as caught:
        parse(text)
    return caught.value.at, caught.value.message


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        ("permit", "f.cedar:1:7", "not a Cedar policy"),
        (f"{SCOPE}\nwhen {{ }};", "f.cedar:2:8", "not a Cedar policy"),
        (f'{SCOPE} when {{ "a', "f.cedar:1:44", "a string that is not closed"),
        (f'{SCOPE} when {{ "\\q" == 1 }};', "f.cedar:1:45", "unknown escape"),
        (f'{SCOPE} when {{ "\\u{{d800}}" == 1 }};', "f.cedar:1:45", "unknown escape"),
        (f"{SCOPE} when {{ context.if == 1 }};", "f.cedar:1:52", "a reserved word"),
        (f"{SCOPE} when {{ 1 == 1 == true }};", "f.cedar:1:51", "two relations in a row"),
        (f"{SCOPE} when {{ !!!!!true }};", "f.cedar:1:44", "too many signs"),
        (f"{SCOPE} when {{ 9223372036854775808 == 1 }};", "f.cedar:1:44", "number out of range"),
        (f"{SCOPE} when {{ {'9' * 9_000} == 1 }};", "f.cedar:1:44", "number out of range"),
        (f"{SCOPE} when {{ {'(' * 99} }};", "f.cedar:1:76", "nested too deep"),
        (f"{SCOPE} when {{ context{'.a' * 99} }};", "f.cedar:1:44", "nested too deep"),
        (f"{SCOPE} when {{ {{a: 1, a: 2}} == 1 }};", "f.cedar:1:44", "a key is there twice"),
        (f'@id("a") @id("b") {SCOPE};', "f.cedar:1:11", "an annotation is there twice"),
        (f"{SCOPE} when {{ ?principal == 1 }};", "f.cedar:1:44", "a slot in a condition"),
        (f"{SCOPE} when {{ 'a' }};", "f.cedar:1:44", "not part of a Cedar policy"),
        (f"{SCOPE} when {{ context.a like 1 }};", "f.cedar:1:59", "not a Cedar policy"),
        (f"{SCOPE} when {{ context.a has 1 }};", "f.cedar:1:58", "not a Cedar policy"),
        (f"{SCOPE} when {{ User }};", "f.cedar:1:49", "not a Cedar policy"),
        (f"{SCOPE} when {{ 1 }}", "f.cedar:1:47", "not a Cedar policy"),
        (f"{SCOPE} when {{ context[1] }};", "f.cedar:1:52", "not a Cedar policy"),
        ("@1 permit", "f.cedar:1:2", "not a Cedar policy"),
        ("@a(1) permit", "f.cedar:1:4", "not a Cedar policy"),
        ("allow(principal, action, resource);", "f.cedar:1:1", "not a Cedar policy"),
        (f"{SCOPE} when {{ context.a = 1 }};", "f.cedar:1:54", "not part of a Cedar policy"),
    ],
)
def test_text_that_is_no_cedar_is_refused_with_its_place(text, at, message):
    assert refusal(text) == (at, message)


def test_text_beyond_the_limits_is_refused_before_it_is_read():
    assert refusal("/" * (MAX_CEDAR_CHARS + 1)) == ("f.cedar:1:1", "too large")
    assert refusal(f"{SCOPE};" * (MAX_POLICIES + 1))[1] == "too many policies"


def test_comments_and_strings_with_lines_in_them_keep_places_right():
    text = f'// one\n@id("a\nb") {SCOPE}; // two ;\n{SCOPE} when {{ context.a like "\\*a*\\u{{41}}" }};'
    first, second = parse(text)
    assert (first.annotations[0].text, Places("f", text).at(second.offset)) == ("a\nb", "f:4:1")
    assert second.clauses[0].condition.pieces == ("*a", "A")


def test_comma_behind_the_last_of_a_list_means_nothing():
    plain = 'permit(principal, action in [Action::"a", Action::"b"], resource) when { [1, 2] == {a: 1, b: f(1, 2)} };'
    commas = (
        'permit(principal, action in [Action::"a", Action::"b",], resource) when { [1, 2,] == {a: 1, b: f(1, 2,),} };'
    )
    assert printed(parse(commas)) == printed(parse(plain))
    assert refusal(commas.replace("2,]", "2,,]")) == ("f.cedar:1:81", "not a Cedar policy")


def test_expression_of_no_kind_that_cedar_has_is_not_printed():
    with pytest.raises(AssertionError, match="no such node: int"):
        printed_expression(7)


def test_policy_printed_and_parsed_again_is_the_same():
    text = r"""@id("a\"b") @flag
permit (principal is A::B in Group::"g", action in [Action::"a", Action::"b"], resource == R::"\u{7}")
when { if context.a then -(1) == --context.b else (1 + 2) * 3 - 4 > -5 && !(context has "a b") }
unless { (context.a || context["x y"]) && context.b.c like "a*\*" || [1, "a"].contains({"k": true}) };
forbid (principal == ?principal, action == Action::"a", resource in ?resource);
permit (principal, action in Action::"a", resource is A::R)
when { ip("::1").isInRange(ip("::/0")) && principal is User in Group::"g" && resource is R && context has a.b };
permit (principal, action, resource);"""
    once = printed(parse(text))
    assert printed(parse(once)) == once
    assert cedarpy.policies_to_json_str(text) == cedarpy.policies_to_json_str(once)


@settings(max_examples=200, deadline=None)
@given(st.lists(TOKENS, max_size=30).map(" ".join) | st.text(max_size=60), st.booleans())
def test_any_text_is_read_as_cedar_reads_it_or_refused_with_a_place(body, inside):
    text = f"{SCOPE} when {{ {body} }};" if inside else body
    try:
        parse(text)
    except PolicyError as refused:
        place = refused.at
    else:
        place = "f.cedar:1:1"
        findings = import_cedar(text, "f.cedar", "f", Names(), widen=False)[1]
        assert all(found.at.startswith("f.cedar:") for found in findings)
        assert is_cedar(text)
    assert place.startswith("f.cedar:")


def is_cedar(text):
    """Whether Cedar reads it too, but for what it asks of functions, actions and methods while it does."""
    try:
        cedarpy.policies_to_json_str(text)
    except ValueError as error:
        return re.search("function|Action|method|operand|entity|argument|unsupported|invalid", str(error)) is not None
    return True
