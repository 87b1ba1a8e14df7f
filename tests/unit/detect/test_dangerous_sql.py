"""Dangerous SQL, with a parser and by its text alone."""

import pytest

from axonflow.adapters.re2_engine import compile_pattern
from axonflow.adapters.sql_parser import parse_sql
from axonflow.detect import Scanner
from axonflow.detect.packs.dangerous_sql import dangerous_sql
from axonflow.detect.sql_statement import statements_around, unparsed

PARSERS = {"parsed": parse_sql, "unparsed": unparsed}
DETECTORS = dangerous_sql(parse_sql)
EXAMPLES = [(d.id, text) for d in DETECTORS for text in d.examples]
COUNTER_EXAMPLES = [(d.id, text) for d in DETECTORS for text in d.counter_examples]


@pytest.fixture(scope="module", params=PARSERS)
def sql(request):
    return Scanner(dangerous_sql(PARSERS[request.param]), compile_pattern)


@pytest.fixture(scope="module")
def parsed():
    return Scanner(DETECTORS, compile_pattern)


def found(scanner, text):
    return sorted(
        {one.detector.removeprefix("code.sql_") for one in scanner.inspect(text).findings(scanner.resolve("code"))}
    )


@pytest.mark.parametrize(("detector_id", "text"), EXAMPLES)
def test_example_is_found_with_and_without_a_parser(sql, detector_id, text):
    assert sql.inspect(text).any((detector_id,))
    assert sql.inspect({"sql": text}).any((detector_id,))


@pytest.mark.parametrize(("detector_id", "text"), COUNTER_EXAMPLES)
def test_counter_example_is_left_alone_with_and_without_a_parser(sql, detector_id, text):
    assert not sql.inspect(text).any((detector_id,))


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("EXPLAIN DELETE FROM t", ["mass_write"]),
        ("-- all\ndelete from t", ["comment", "mass_write"]),
        ("1; drop table users", ["ddl"]),
        ("mysql -e 'drop database prod'", ["ddl"]),
        ('psql -c "delete from users"', ["mass_write"]),
        ("exec('drop table x')", ["ddl"]),
        ('{"query": "DELETE FROM t"}', ["mass_write"]),
        ("cur.execute('select 1'); cur.execute('DROP TABLE t')", ["ddl"]),
        ("DROP" + " " * 20 + "TABLE t", ["ddl"]),
        ("create /*0123456789abcdef*/ or /**/ replace --0123456789abcde\n view v as select 1", ["ddl"]),
        ("ALTER ROLE bob SUPERUSER", ["ddl"]),
        ("CREATE USER eve WITH PASSWORD 'x'; GRANT ALL ON t TO eve", ["ddl", "grant", "stacked"]),
        ("SELECT a FROM t; EXEC sp_who.x", ["stacked"]),
        ("SELECT a FROM t; VACUUM", []),
        ("SELECT a FROM t; update(x)", []),
        ("SELECT a FROM t; set x to 1", ["stacked"]),
        ("INSERT INTO t SELECT * FROM pg_shadow", ["catalogue"]),
        ("ATTACH DATABASE '/tmp/x.db' AS x", ["file_access"]),
        ("select * from read_csv('/etc/passwd')", ["file_access"]),
        ("Should I DROP TABLE users?", []),
        ("Can I drop table users safely?", []),
        ("I want you to delete from users where 1=1", []),
        ("SELECT id FROM t WHERE a = 1", []),
    ],
)
def test_statement_in_its_surroundings_is_what_it_is(parsed, text, ids):
    assert found(parsed, text) == ids


def test_write_whose_condition_lies_beyond_the_window_is_taken_for_one_without(sql):
    columns = ", ".join(f"column_{at} = {at}" for at in range(60))
    assert found(sql, f"UPDATE t SET {columns}") == ["mass_write"]
    assert found(sql, f"UPDATE t SET {columns} WHERE id = 5") == ["mass_write"]


def test_statements_around_a_span_end_at_quotes_and_semicolons():
    assert list(statements_around("", "drop table", " t; select 1")) == ["drop table t"]
    assert list(statements_around("run('", "drop table", " t'); x")) == ["drop table t"]
    assert list(statements_around("run('", "drop table", " t")) == ["drop table t"]
    assert list(statements_around("select ';", "drop table", " t' from x;")) == [
        "select ';drop table t' from x",
        "drop table t' from x",
    ]
    assert list(statements_around("```", "drop table", " t\n```\nx")) == ["drop table t\n"]


@pytest.mark.parametrize(
    "text",
    [
        "DELETE FROM t WHERE " + "(" * 50_000 + "1",
        "DELETE FROM t WHERE " + "(" * 200 + "1=1" + ")" * 200,
        "DROP TABLE t; " + "select * from (" * 5_000,
        "UPDATE t SET " + ", ".join(f"c{at} = {at}" for at in range(9_000)),
        "update t set a='" * 500,
        "select 1;" * 1_500,
        "drop table " * 2_000,
        "grant all " * 2_000,
        "-" * 20_000,
        "select a from t /*" * 1_000,
    ],
)
def test_hostile_text_of_sql_ends(sql, text):
    sql.inspect(text).findings(sql.resolve("code"))
