"""What the parser of SQL says of statements, and that hostile ones end."""

import pytest

from axonflow.adapters.sql_parser import parse_sql
from axonflow.detect.sql_statement import MAX_STATEMENT_CHARS


def writes_all_rows(text):
    statements = parse_sql(text)
    assert statements is not None
    return any(one.writes_all_rows for one in statements)


@pytest.mark.parametrize(
    ("text", "verbs"),
    [
        ("select a from t", {"select"}),
        ("drop table t", {"drop"}),
        ("TRUNCATE t", {"truncate"}),
        ("insert into t select 1", {"insert", "select"}),
        ("with d as (delete from t returning *) select * from d", {"select", "delete"}),
        ("grant all on t to ann", {"grant"}),
        ("revoke select on t from ann", {"revoke"}),
        ("copy t from '/tmp/x'", {"copy"}),
        ("delete from `a`.`b`", {"delete"}),
        ("delete from [dbo].[t] where id = @id", {"delete"}),
        ("create view v as select 1", {"create", "select"}),
    ],
)
def test_parser_on_a_statement_says_what_it_does(text, verbs):
    (statement,) = parse_sql(text)
    assert statement.verbs == verbs


def test_parser_on_several_statements_gives_each():
    assert [sorted(one.verbs) for one in parse_sql("select 1; drop table t;")] == [["select"], ["drop"]]


def test_parser_names_tables_and_functions_in_lower_case():
    (statement,) = parse_sql("select Load_File('x') from \"Sys\".Objects join T on true")
    assert statement.tables == {"sys.objects", "t"}
    assert statement.functions == {"load_file"}


@pytest.mark.parametrize(
    "condition",
    [
        "1 = 1",
        "((1)) = 1",
        "'a' = 'a'",
        "id = id",
        "true",
        "1",
        "'x'",
        "not false",
        "not (1 = 2)",
        "2 > 1",
        "1 < 2",
        "1 <> 2",
        "'a' <> 'b'",
        "'b' > 'a'",
        "a = 1 or 1 = 1",
        "1 = 1 and 2 = 2",
        "name like '%'",
        "id >= id",
        "not 0",
    ],
)
def test_condition_that_is_always_true_is_none(condition):
    assert writes_all_rows(f"delete from t where {condition}")
    assert writes_all_rows(f"update t set a = 1 where {condition}")


@pytest.mark.parametrize(
    "condition",
    [
        "id = 1",
        "false",
        "0",
        "1 = 2",
        "1 > 2",
        "2 < 1",
        "'a' > 'b'",
        "1 > 'a'",
        "a > 1",
        "1 <> 1",
        "a = 1 and 1 = 1",
        "not a",
        "not true",
        "not (1 = 1)",
        "name like 'a%'",
        "name like a",
        "id in (1, 2)",
        "exists (select 1 from u)",
        "id = other",
    ],
)
def test_condition_that_may_be_false_is_one(condition):
    assert not writes_all_rows(f"delete from t where {condition}")


def test_write_without_a_condition_is_to_all_rows():
    assert writes_all_rows("delete from t")
    assert writes_all_rows("update t set a = 1")
    assert not writes_all_rows("merge into t using s on t.i = s.i when matched then update set a = 1")
    assert not writes_all_rows("insert into t values (1) on conflict (id) do update set n = 2 where t.n = 1")


@pytest.mark.parametrize(
    "text",
    [
        "drop table removes the table with its rows, so",
        "create table tennis club",
        "select " + "(" * 41 + "1" + ")" * 41,
        "select " + "not " * 400 + "1",
        "select " + "case when 1 then " * 100 + "1" + " end" * 100,
        "select '" + "x" * MAX_STATEMENT_CHARS + "'",
        "delete from t where (",
        "\x00'\"`[@",
    ],
)
def test_text_that_is_no_statement_or_beyond_the_limits_is_not_parsed(text):
    assert parse_sql(text) is None


def test_empty_text_holds_no_statement():
    assert parse_sql("") == ()
    assert parse_sql(" ; ") == ()
