"""Folding to ASCII."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow.detect import folding
from axonflow.detect.folding import STAND_IN, fold


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("plain", "plain"),
        ("na\u00efve \u0141\u00f3d\u017a \u00d8re", "naive Lodz Ore"),
        ("\u0663\u096b\uff17", "357"),
        ("\uff41\uff20\uff42", "a@b"),
        ("\u201cit\u2019s\u201d \u2013 \u2014 \u2011\u2212", '"it\'s" - - --'),
        ("a\u00a0b\u2028c", "a b\nc"),
        ("\u0456gnore \u0410\u0392", "ignore AB"),
        ("\u90ae\u7bb1a\u200bb\u2122\u00bd", STAND_IN * 2 + "a" + STAND_IN + "b" + STAND_IN * 2),
        ("\U0001d422\U0001d420", "ig"),
        ("\U000e0069\U000e0067", "ig"),
        ("\u00df\u00de\u01c0", "xxx"),
        ("\ud800\U0001f600", STAND_IN * 2),
        ("\u0327\ufb01", STAND_IN + "f"),
    ],
)
def test_fold_gives_the_ascii_that_a_reader_sees(text, folded):
    assert fold(text) == folded


@given(st.text(st.characters(), max_size=200))
def test_fold_keeps_every_character_at_its_place(text):
    folded = fold(text)
    assert folded.isascii()
    assert len(folded) == len(text)
    assert all(new == old for old, new in zip(text, folded, strict=True) if old.isascii())


def test_fold_table_is_bounded(monkeypatch):
    monkeypatch.setattr(folding, "_MAX_CACHED", 2)
    table = folding._Table()
    for char in "\u00e9\u00ea\u00eb\u00ec":
        assert table[ord(char)].isascii()
    assert len(table) <= 2


def test_fold_handler_of_another_error_raises_it():
    error = UnicodeDecodeError("ascii", b"\xff", 0, 1, "no")
    with pytest.raises(UnicodeDecodeError):
        folding._fold_run(error)
