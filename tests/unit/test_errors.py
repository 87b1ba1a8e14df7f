"""What an error says, and that the tree in the module's docstring is the tree there is."""

import pytest

from axonflow import errors
from axonflow.errors import AuditConflict, AuditError, AxonFlowError, Denied, ExpressionError, PolicyError

PARTS = {"expected": "a number", "found": "text", "at": "p.yaml:1:2", "hint": "Quote it."}


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ((), "wrong"),
        (("at",), "p.yaml:1:2: wrong"),
        (("expected",), "wrong: expected a number"),
        (("expected", "found"), "wrong: expected a number, found text"),
        (("found", "at", "hint"), "p.yaml:1:2: wrong: found text. Quote it."),
        (("expected", "found", "at", "hint"), "p.yaml:1:2: wrong: expected a number, found text. Quote it."),
    ],
)
def test_error_of_some_parts_reads_as_a_sentence(parts, text):
    error = AxonFlowError("wrong", **{part: PARTS[part] for part in parts})
    assert str(error) == text
    assert error.message == "wrong"


def test_policy_errors_joined_list_each_and_keep_them():
    problems = [PolicyError("one", at="a"), ExpressionError("two", 3, at="b")]
    joined = PolicyError.joined(problems)
    assert str(joined) == "2 problems in the policies:\n  a: one\n  b: two"
    assert joined.problems == tuple(problems)
    assert PolicyError.joined(problems[1:]) is problems[1]


def test_expression_error_moved_to_its_document_keeps_the_rest():
    error = ExpressionError("wrong", 7, **PARTS | {"at": None}).moved_to("p.yaml:3:4")
    assert (error.offset, error.at, error.code) == (7, "p.yaml:3:4", "invalid_expression")
    assert str(error) == "p.yaml:3:4: wrong: expected a number, found text. Quote it."
    assert error.problems == (error,)


def test_denied_by_a_guard_carries_the_decision():
    verdict = object()
    assert Denied("No shell.", decision=verdict).decision is verdict


def test_error_classes_are_those_of_the_documented_tree_each_with_a_code():
    classes = [getattr(errors, name) for name in errors.__all__]
    for one in classes:
        assert issubclass(one, AxonFlowError)
        assert f"{one.__name__} " in errors.__doc__ or one is AxonFlowError
    assert len({one.code for one in classes}) == len(classes)


def test_audit_conflict_caught_as_an_audit_error_keeps_its_own_code():
    with pytest.raises(AuditError) as caught:
        raise AuditConflict("another record holds this place")
    assert caught.value.code == "audit_conflict"
