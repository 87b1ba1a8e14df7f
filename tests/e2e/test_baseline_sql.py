"""The baseline's rules on SQL against the spellings of a statement, and against text that only looks like one."""

import pytest

from axonflow import AxonFlow, Request

DESTROYS_OR_TOUCHES_EVERY_ROW = [
    "drop table users",
    "DROP/**/TABLE users",
    "drop -- x\ntable users",
    "delete from users",
    "delete/**/from users",
    "with x as (select 1) delete from users",
    "explain analyze delete from users",
    "update users set a=1",
    "update only users set a=1",
    "update users u set a=1",
    "update users as u set a=1",
    "merge into users using x on true when matched then delete",
    "truncate users",
    "truncate table users",
    "truncate/**/users",
    'truncate"users"',
    "drop owned by joe",
    "delete from users -- where",
    "delete from users # where",
    "delete from users /* where */",
    "-- x\ndrop table users",
    "-- x\n-- y\n/* z */\ndrop table users",
    "/* a /* b */ c */ drop table users",
    "do $$ begin execute 'drop table users'; end $$",
    "\u200bdrop table users",
    "drop\xa0table users",
    "drop\u2003table users",
    "copy users to program 'rm -rf /'",
    "/*!50000 drop table users */",
    "update users set a=$$ where $$",
    "update users set a='x\\' where ', b=1 #'",
    "update `users` set a=1",
    'update"users"set a=1',
    "update users set [where]=1",
    "delete low_priority from users",
    "delete u from users u join x on true",
    "delete u from users u",
    "explain (analyze, verbose) update users set a = 1",
    "with d as (delete from users returning *) select * from d",
    "alter table users drop column a",
    "drop materialized view v",
    "drop table if exists users",
    "drop\x0btable users",
    "begin; drop table users",
    "begin drop table users end",
    "exec('drop table users')",
    "execute immediate 'drop table users'",
    "prepare s from 'drop table users'",
    "drop policy p on users",
    "drop type mood cascade",
    "drop extension pgcrypto",
    "reassign owned by a to b",
    "alter system set x = 1",
    "drop foreign table f",
    "drop index concurrently i",
    "delete top (5) from users",
    "rename table a to b",
    "update a, b set a.x=1",
    "update users set (a,b)=(1,2)",
    "prepare p as delete from users",
    "create view v as select 1; drop view v",
    "delete from users;",
    "drop procedure p",
    "drop unique index i",
    "alter role bob superuser",
    "drop event e",
    "merge into t using s on (1=1) when matched then update set a=1",
    "update users set a = '' /* where",
    "delete u from users u",
]
HARMLESS = [
    "select 1",
    "select drop_date from trips",
    "select * from alter_log",
    "-- drop table users\nselect 1",
    "/* drop table x */ select 1",
    "update t set a=1 where id=2",
    "update t u set a=1 where u.id=2",
    "delete from users where id = 1",
    "delete from users -- old ones\nwhere id = 1",
    "delete from users /* x */ where id=1",
    "insert into notes values ('please drop table 5')",
    "insert into notes (body) values ('update the plan and set x')",
    "explain select * from t",
    "explain analyze select * from t",
    "select * from users where name = 'update x set'",
    "select truncate(1.5, 1)",
    "merge into t using s on t.id = s.id when matched then update set a = s.a",
    "with x as (delete from users where id=1 returning *) select * from x",
    "Migration must drop table legacy_prices first",
    "Update docs and set the version",
    "Delete button from header (urgent)",
    "Drop support for Python 3.8",
    "Alter the wording of the intro",
    "Update the handbook; set up a meeting",
    "Drop type annotations from the public API",
    "Drop policy documents in the shared folder",
    "update t set path='C:\\dir' where id=1",
    "update t set a=b/2-1 where id=3",
    "update t set a=$1 where id=$2",
    "update t set a[1]=2 where id=3",
    "update t set body='it''s; ok' where id = 3",
    "select 1 -- begin\n",
    "insert into t select * from s",
    "create table tmp as select 1",
    "refresh materialized view v",
    "select ''",
    "",
    "'x' from t",
    "grant select on t to bob",
    "Do you agree?",
    "Execute the plan",
    "delete from users where note = 'a -- b'",
    "select a from t where b = 'x' limit 5",
    "update t set a='' where id=1",
    "begin; update t set a=1 where id=2; commit",
    "Update (draft): set the tone",
    "SELECT a -> 'b' FROM t WHERE c = 'd'",
    "update t set a = b -> 'c' where id = 1",
]
STRICT = {"deny", "require_approval"}


@pytest.fixture(scope="module")
def flow():
    return AxonFlow.open("@baseline")


@pytest.mark.parametrize("statement", DESTROYS_OR_TOUCHES_EVERY_ROW)
def test_baseline_destructive_statement_is_not_allowed(flow, statement):
    sql_tool = Request("user:ann", "tool.call", "tool:sql", {"env": "dev"}, {"query": statement})
    assert flow.decide(sql_tool).effect.value in STRICT
    context = {"env": "dev", "operation": "write", "ticket": "OPS-1"}
    assert (
        flow.decide(Request("user:ann", "connector.query", "connector:crm", context, statement)).effect.value in STRICT
    )


@pytest.mark.parametrize("statement", HARMLESS)
def test_baseline_harmless_statement_is_allowed(flow, statement):
    assert flow.decide(Request("user:ann", "tool.call", "tool:sql", {"env": "dev"}, {"query": statement})).allowed
