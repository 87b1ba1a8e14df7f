"""Every query that runs under the application's role, run by one tenant with the ids of another.

Two databases with the same rows of tenant B; one has rows of tenant A too, and the other has never heard of A. Whatever
B asks for, with whichever ids of A, has to be answered the same in both: so B learns nothing, not even that A is there.
And A's rows have to be what they were.
"""

import asyncio
import itertools
import random
from importlib.resources import files

import asyncpg
import pytest

from axonflow.adapters.postgres import migrate
from axonflow.adapters.postgres.sql_files import named_queries
from tests.postgres import execute, fresh_database, postgres_dsn
from tests.postgres_rows import add_rows, key_hmac, rows_of

__all__ = ["postgres_dsn"]

# Of administrators: about the database as a whole, and refused to the application's role.
WITHOUT_A_TENANT = {"backup.sql", "doctor.sql", "migration.sql", "retention.sql", "roles.sql", "schema.sql"}
TRIES = 12
FILES = sorted(
    path.name
    for path in (files("axonflow.adapters.postgres") / "sql").iterdir()
    if path.name.endswith(".sql") and path.name not in WITHOUT_A_TENANT
)
QUERIES = [(name, query, sql) for name in FILES for query, sql in named_queries(name).items()]
VICTIM, ATTACKER = "A", "B"
TEXTS = [
    VICTIM, ATTACKER, "k", "p", "o", "l", "c", "t", "a", "d", "s", "1", "ann", "user:ann", "auditor", "baseline",
    f"w of {VICTIM}", "static", "tool", "agent", "user", "service", "crm", "deny", "pending", "sha256:0", "",
    "01993c2e-4c00-7000-8000-000000000000",
]  # fmt: skip
VALUES = {
    "text": TEXTS,
    "name": TEXTS,
    "bytea": [b"", bytes(32)],
    "bool": [True, False],
    "int4": [0, 1, 2, 100],
    "int8": [0, 1, 2, 10**15],
    "float8": [0.0, 1.0],
    "text[]": [[VICTIM], TEXTS, []],
    "bytea[]": [[key_hmac(VICTIM)], []],
    "bool[]": [[True]],
    "int4[]": [[0], [1]],
    "int8[]": [[0], [1]],
    "jsonb": ["{}"],
}


@pytest.fixture(scope="module")
def databases(postgres_dsn):
    """One with both tenants, one with the attacker alone."""
    with fresh_database(postgres_dsn) as both, fresh_database(postgres_dsn) as alone:
        for dsn, tenants in ((both, (VICTIM, ATTACKER)), (alone, (ATTACKER,))):
            asyncio.run(migrate(dsn))
            asyncio.run(add_rows(dsn, *tenants))
        yield both, alone


def forged(types, draw):
    """Values for a query's parameters. The first that is text names the victim, as in all of our queries."""
    values = [draw.choice(VALUES[kind]) for kind in types]
    texts = [place for place, kind in enumerate(types) if kind == "text"]
    if texts and draw.random() < 0.8:
        values[texts[0]] = VICTIM
    return values


async def connected(dsn):
    return await asyncpg.connect(dsn, server_settings={"role": "axonflow_app", "search_path": "pg_catalog"})


async def answers(connection, sql, setting):
    """What the application's role is answered, try by try."""
    found = []
    try:
        types = [kind.name for kind in (await connection.prepare(sql)).get_parameters()]
    except asyncpg.InsufficientPrivilegeError:
        return ["refused"]
    draw = random.Random(sql)
    for _ in range(TRIES):
        values = forged(types, draw)
        transaction = connection.transaction()
        await transaction.start()
        try:
            if setting is not None:
                await connection.execute("SELECT set_config('axonflow.tenant_id', $1, true)", setting)
            rows = await connection.fetch(sql, *values)
            found.append((values, [tuple(row) for row in rows]))
        except (asyncpg.PostgresError, asyncpg.DataError) as error:
            found.append((values, type(error).__name__))
        finally:
            await transaction.rollback()
    return found


async def asked_afresh(dsn, sql, setting):
    """The answers on a connection of their own."""
    connection = await connected(dsn)
    try:
        return await answers(connection, sql, setting)
    finally:
        await connection.close()


async def asked_pooled(connection, sql, setting):
    """The answers on a connection that served the victim just before."""
    async with connection.transaction():
        await connection.execute("SELECT set_config('axonflow.tenant_id', $1, true)", VICTIM)
        await connection.fetch("SELECT * FROM axonflow.plan_execution")
    return await answers(connection, sql, setting)


@pytest.fixture(scope="module")
def pooled(databases):
    """What runs coroutines, and a connection to each database that all queries are asked through in turn."""
    with asyncio.Runner() as runner:
        connections = [runner.run(connected(dsn)) for dsn in databases]
        yield runner, connections
        for connection in connections:
            runner.run(connection.close())


def rows_of_victim(dsn):
    """A's rows, all of them, as one text a table."""
    wanted = [
        f"SELECT '{table}', md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) "
        f"FROM axonflow.{table} AS t WHERE tenant_id = '{VICTIM}'"
        for table in rows_of("")
    ]
    return [tuple(row) for row in execute(dsn, " UNION ALL ".join(wanted))]


@pytest.mark.parametrize("setting", [ATTACKER, "", None], ids=["own", "empty", "missing"])
@pytest.mark.parametrize(("file", "name", "sql"), QUERIES, ids=[f"{file}:{name}" for file, name, _ in QUERIES])
def test_query_with_forged_ids_is_answered_as_if_the_other_tenant_were_not_there(
    databases, pooled, file, name, sql, setting
):
    runner, connections = pooled
    both, alone = (runner.run(asked_pooled(connection, sql, setting)) for connection in connections)
    assert both == alone
    both, alone = (runner.run(asked_afresh(dsn, sql, setting)) for dsn in databases)
    assert both == alone


def test_rows_of_the_other_tenant_are_what_they_were_after_every_query_was_committed(databases):
    """As above, but what goes through is committed."""
    both, _ = databases
    before = rows_of_victim(both)

    async def commit_all():
        connection = await asyncpg.connect(both, server_settings={"role": "axonflow_app"})
        draw = random.Random(1)
        for (_, _, sql), setting in itertools.product(QUERIES, (ATTACKER, "", None)):
            try:
                types = [kind.name for kind in (await connection.prepare(sql)).get_parameters()]
                async with connection.transaction():
                    if setting is not None:
                        await connection.execute("SELECT set_config('axonflow.tenant_id', $1, true)", setting)
                    await connection.fetch(sql, *forged(types, draw))
            except (asyncpg.PostgresError, asyncpg.DataError):
                continue
        await connection.close()

    asyncio.run(commit_all())
    assert rows_of_victim(both) == before


def test_key_look_up_sees_the_key_that_was_shown_and_its_tenant_alone(databases):
    both, _ = databases

    async def see(hashes):
        connection = await asyncpg.connect(both, server_settings={"role": "axonflow_keys"})
        async with connection.transaction():
            quoted = ",".join(f'"\\\\x{one.hex()}"' for one in hashes)
            await connection.execute("SELECT set_config('axonflow.key_hmacs', $1, true)", f"{{{quoted}}}")
            keys = await connection.fetch("SELECT tenant_id FROM axonflow.api_key")
            tenants = await connection.fetch("SELECT tenant_id FROM axonflow.tenant")
        await connection.close()
        return [row[0] for row in keys], [row[0] for row in tenants]

    assert asyncio.run(see([key_hmac(ATTACKER)])) == ([ATTACKER], [ATTACKER])
    assert asyncio.run(see([bytes(32)])) == asyncio.run(see([])) == ([], [])


def test_attack_finds_a_query_that_forgets_its_tenant(databases):
    """The judge judged: through a plain view, which goes around the policies, the same attack does see the other."""
    both, alone = databases
    view = "CREATE VIEW axonflow.leak AS SELECT tenant_id FROM axonflow.plan_execution"
    for dsn in databases:
        execute(dsn, view, "GRANT SELECT ON axonflow.leak TO axonflow_app")
    try:
        sql = "SELECT tenant_id FROM axonflow.leak WHERE tenant_id = $1"
        found = [asyncio.run(asked_afresh(dsn, sql, ATTACKER)) for dsn in (both, alone)]
        assert found[0] != found[1]
    finally:
        for dsn in databases:
            execute(dsn, "DROP VIEW axonflow.leak", "SELECT 1")
