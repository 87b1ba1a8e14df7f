"""Whatever a library says of a call's usage can be recorded: what is no count, or no name, is taken for not said."""

import pytest

from axonflow.audit import Usage, usage_told


@pytest.mark.parametrize("value", [-1, 2**63, 1.0, "12", True, [1], float("nan")])
def test_usage_told_of_what_is_no_count_leaves_it_out(value):
    assert usage_told({"input_tokens": value, "output_tokens": 1}) == Usage(output_tokens=1)


def test_usage_told_by_other_names_takes_the_first_that_says_something():
    said = {"input_tokens": None, "prompt_tokens": 2, "candidates_token_count": 0, "total_token_count": 2**63 - 1}
    assert usage_told(said) == Usage(input_tokens=2, output_tokens=0, total_tokens=2**63 - 1)


def test_usage_told_with_names_that_no_store_keeps_has_them_in_visible_form():
    usage = usage_told({}, provider="a\0b", model="m" * 300)
    assert (usage.provider, usage.model[:7], len(usage.model)) == ("a\\u0000b", "sha256:", 75)
    assert usage_told({}, provider=None, model=5) == Usage()
