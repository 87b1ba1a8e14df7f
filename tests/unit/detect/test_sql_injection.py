"""SQL injection on drawn texts, in disguise, beside innocent text, and on hostile ones."""

import pytest

from tests.benchmarks.sql_attacks import attacks
from tests.benchmarks.sql_innocents import HARD, innocents

ID = ("injection.sql",)


@pytest.mark.slow
def test_injection_in_drawn_attacks_is_found(scanner):
    drawn = list(attacks(seed=20, count=600))
    missed = [text for text in drawn if not scanner.inspect(text).any(ID)]
    assert len(missed) <= 0.02 * len(drawn), missed


def test_injection_in_drawn_innocent_text_is_not_found(scanner):
    drawn = list(innocents(seed=20, count=600))
    taken = [text for text in drawn if scanner.inspect(text).any(ID)]
    assert len(taken) <= 0.01 * len(drawn), taken


@pytest.mark.parametrize("text", HARD)
def test_text_with_the_words_of_sql_is_no_injection(scanner, text):
    assert not scanner.inspect({"value": text}).any(ID)


@pytest.mark.parametrize(
    "text",
    [
        "x'/*!50000or*/1=1--",
        "1%20UNION%20ALL%20SELECT%201%2C2",
        "%27%20or%20%27a%27%3D%27a",
        "1%3B%20drop%20table%20t",
        "-1'+UNION+SELECT+1,2,3--+",
        "1 AND--x\n1=1",
        '9999" (select count(*) from a) "9999',
        "1)) and ((2=2",
        "') or ('1'='1",
        "1 having 1=1",
        "x,(select password from users)",
        "(select id from users limit 1)",
        "5 order by 3",
        "admin')#",
        "A '<' B",
        "select 1,(2),3 from t where",
        "1 and 1 between 0 and 2",
        "1 limit 1 union select a from b",
        "id union (select name from users limit 1)",
        "7) ; truncate t --",
        "1;declare @a int",
        "'; exec('x')--",
        "1 or 1=1 " + "x" * 400,
        "1 or" + " " * 30 + "1=1",
        "1 union" + " " * 30 + "select 1",
        "1;" + " " * 30 + "drop table t",
        "x'" + " " * 14 + "or 1=1",
        "x" * 400 + "' or 'a'='a",
    ],
)
def test_injection_in_disguise_is_found(scanner, text):
    assert scanner.inspect(text).any(ID)
    assert scanner.inspect({"query": {"id": text}}).any(ID)


@pytest.mark.parametrize(
    "text",
    [
        "/s?q=15%22+case&page=2",
        "%2520or%2520",
        "https://x.example/?next=%2Fa%2Fb%3Fc%3Dd%26e%3Df",
        "SELECT a FROM t WHERE b IN (1) UNION SELECT c FROM u",
        "CREATE TABLE t (a int); DROP TABLE u",
        "log.info('started'); update(x)",
        'He wrote "or" - "and"',
        "f('a', 'b') + g('c')",
        "Terms (select one from the list below)",
        "x = 'a' --flag",
        "A '<' Basket",
    ],
)
def test_text_near_the_rules_is_no_injection(scanner, text):
    assert not scanner.inspect(text).any(ID)


@pytest.mark.slow
@pytest.mark.parametrize(
    "seed",
    [
        "'or 1 ",
        "union ",
        "(select ",
        "%27",
        "1;drop ",
        "' or 1=1 -- ",
        "-- ",
        "/*",
        "a=1 and ",
        "--x\n",
        "'(" * 9,
        "\\",
    ],
)
def test_injection_on_long_hostile_text_ends(scanner, seed):
    scanner.inspect(seed * (20_000 // len(seed))).findings(ID)
