"""SQL as a row of token classes."""

import pytest

from axonflow.detect.sql_tokens import is_within_quotes, token_classes, without_comments


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        ("1 or 1=1", "n&n=n"),
        ("1/**/oR(1)=1", "n&(n)=n"),
        ("1\tor\n1 = 1", "n&n=n"),
        ("1+or+1=1", "n&n=n"),
        ("1 /*!50000or*/ 1=1", "n&n=n"),
        ("1 || 1 <=> 1", "n&n=n"),
        (" or 'a'='a", "&s=q"),
        (' or "a"="a', "&s=Q"),
        (" union all select null, x'41', `a`", "UASn,s,w"),
        ("select * from a.b where c >= .5", "SwFwWw<n"),
        ("select a * b", "Swaw"),
        ("count(*)", "f(w)"),
        ("version()", "v"),
        ("user (admin)", "w(w)"),
        ("sleep (5)", "f(n)"),
        ("foo(5)", "w(n)"),
        ("order by 3", "Bn"),
        ("order of 3", "wwn"),
        ("x in (1)", "w~(n)"),
        ("x in y", "www"),
        ("x is not null", "w~un"),
        ("x is fun", "www"),
        ("case when 1 then 2 end", "un,n)"),
        ("case 1 when 2 then 3 end", "un,n,n)"),
        ("@@version --", "vc"),
        ("1 -- a long remark to the end", "nC"),
        ("1 # it's", "nC"),
        ("1 -- x\n union", "nU"),
        ("1 /* open", "nc"),
        ("1 << 2", "nan"),
        ("-0x1f ^ 0b1", "anan"),
        ("70s 1e3 1union", "wnnU"),
        ("!x \\% $$y$$ \u00a7", "uwas?"),
        ("a; drop table b", "w;Kww"),
        ("'" + "x" * 60, "?"),
        ("'a=b", "?"),
        ("[name] :x", "wv"),
        ("", ""),
    ],
)
def test_token_classes_of_a_text_see_through_its_spelling(text, classes):
    assert token_classes(text) == classes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = 'b", True),
        ("a = 'b'", False),
        ("a = \"it's", True),
        ('a = "it\'s"', False),
        ("a = 'it''s'", False),
        ("", False),
    ],
)
def test_quote_that_is_open_at_the_end_is_known(text, expected):
    assert is_within_quotes(text) is expected


def test_comments_that_end_within_a_text_become_a_space():
    assert without_comments("a/*b*/c/*!d*/ -- e /*") == "a c d  -- e /*"
