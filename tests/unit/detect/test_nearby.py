"""The words that decide what a number is."""

import pytest

from axonflow.detect.nearby import RIVALS, Nearby, not_called_otherwise, stands_alone

names_tax = Nearby("tax id*", "steuer*", "phone", before_words=4, after_words=2)


@pytest.mark.parametrize(
    ("before", "after", "is_near"),
    [
        ("tax id: ", "", True),
        ("tax-ID ", "", True),
        ("taxId: ", "", True),
        ("TAXID=", "", True),
        ("myTaxIdNumber: ", "", True),
        ("Steuernummer ", "", True),
        ("syntax id: ", "", False),
        ("tax id a b c d e f ", "", False),
        ("", " is my tax id", False),
        ("", " (tax id)", True),
        ("", " taxId", True),
        ("tax id, order ", "", False),
        ("tax id, order no. ", "", False),
        ("order: tax id ", "", True),
        ("phone ", "", True),
        ("", "", False),
        ("tax id x", "", False),
    ],
)
def test_phrase_near_a_number_is_found_however_it_is_joined(before, after, is_near):
    assert names_tax(before, "1", after) is is_near


def test_literals_hold_a_word_of_each_phrase():
    assert names_tax.literals == ("phone", "steuer", "tax")


@pytest.mark.parametrize(
    ("before", "after", "alone"),
    [
        ("", "", True),
        ("_", "_", True),
        ("a", "", False),
        ("", "1", False),
        ("3.", "", False),
        ("x.", "", True),
        ("3-", "", False),
        ("a716-", "", False),
        ("mail-", "", True),
        ("", ".5", False),
        ("", ".", True),
        ("", "-x", True),
        ("", "-5", False),
    ],
)
def test_number_stands_alone_unless_characters_beside_belong_to_it(before, after, alone):
    assert stands_alone(before, "1", after) is alone


@pytest.mark.parametrize(
    ("before", "after", "allowed"),
    [
        ("order number ", "", False),
        ("my number ", "", True),
        ("", "", True),
        ("x", "", False),
        ("the order of ", "", False),
    ],
)
def test_number_after_the_name_of_another_is_not_taken(before, after, allowed):
    assert not_called_otherwise(before, "1", after) is allowed
    assert "order" in RIVALS
