"""One connection for all of a process that hears: what each is told, and what one cannot do to another."""

import asyncio
import contextlib

import asyncpg
import pytest

from axonflow.adapters.postgres import DatabaseSettings, PostgresDatabase, PostgresPolicyFeed
from axonflow.adapters.postgres.listener import PostgresListener
from axonflow.adapters.postgres.tenant_feed import PostgresTenantFeed
from axonflow.errors import TenancyUnavailable
from axonflow.ports import Announced
from tests.postgres_stores import answers_within

LONG_S = 60
IN_FORCE = "SELECT tenant_id FROM axonflow.policy_set"
OPEN = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE application_name = 'axonflow listener' AND datname = current_database()"
)
NEW_TENANT = (
    "INSERT INTO axonflow.tenant (tenant_id, name, tier, status, created_us, created_by, updated_us)"
    " VALUES ($1, 'T', 'enterprise', 'suspended', 1, 'user:ann', 1)"
)


class Room:
    """A listener, what each of two of its hearings was told, and an administrator's connection."""

    def __init__(self, dsn, admin):
        self.listener = PostgresListener(dsn, DatabaseSettings(), timeout_s=LONG_S)
        self.told = [[], []]
        self.came = asyncio.Event()
        self.hearings = [self.listener.hearing(self._hearer(own)) for own in self.told]
        self.admin = admin

    def _hearer(self, own):
        def heard(announced):
            own.append(announced)
            self.came.set()

        return heard

    async def announce(self, text):
        await self.admin.execute("SELECT pg_notify('axonflow', $1)", text)

    async def until(self, condition):
        async with asyncio.timeout(LONG_S):
            while not condition():
                await self.came.wait()
                self.came.clear()

    async def until_open(self, count):
        async with asyncio.timeout(LONG_S):
            while await self.admin.fetchval(OPEN) != count:
                pass

    async def cut(self):
        pid = self.listener._connection.get_server_pid()
        await self.admin.execute("SELECT pg_terminate_backend($1)", pid)


@contextlib.asynccontextmanager
async def room(dsn):
    admin = await asyncpg.connect(dsn)
    made = Room(dsn, admin)
    try:
        yield made
    finally:
        made.listener.close()
        await admin.close()


def test_listener_with_two_that_hear_has_one_connection_and_tells_both(migrated_dsn):
    async def run():
        async with room(migrated_dsn) as here:
            for hearing in here.hearings:
                await hearing.ask(IN_FORCE)
            await here.until_open(1)
            await here.announce("tenant acme")
            await here.until(lambda: here.told == [["tenant acme"]] * 2)
            assert all(hearing.is_whole for hearing in here.hearings)

    asyncio.run(run())


def test_listener_asked_by_many_at_once_answers_each_on_one_connection(migrated_dsn):
    async def run():
        async with room(migrated_dsn) as here:
            questions = (here.hearings[number % 2].ask(f"SELECT {number} AS it") for number in range(20))
            answers = await asyncio.gather(*questions)
            assert [rows[0]["it"] for rows in answers] == list(range(20))
            assert here.listener.time == 1
            await here.until_open(1)

    asyncio.run(run())


def test_listener_whose_connection_is_cut_tells_all_and_connects_with_the_next_question(migrated_dsn):
    async def run():
        async with room(migrated_dsn) as here:
            first, second = here.hearings
            for hearing in here.hearings:
                await hearing.ask(IN_FORCE)
            await here.cut()
            await here.until(lambda: here.told == [[""], [""]])
            await first.ask(IN_FORCE)
            assert here.listener.time == 2
            assert not first.is_whole, "what was announced meanwhile is not known"
            assert not second.is_whole
            second.close()
            await second.ask(IN_FORCE)
            assert second.is_whole
            await here.announce("tenant acme")
            await here.until(lambda: here.told == [["", "tenant acme"]] * 2)

    asyncio.run(run())


def test_listener_that_one_leaves_goes_on_for_the_other_and_ends_with_the_last(migrated_dsn):
    async def run():
        async with room(migrated_dsn) as here:
            first, second = here.hearings
            for hearing in here.hearings:
                await hearing.ask(IN_FORCE)
            first.close()
            await here.announce("tenant acme")
            await here.until(lambda: here.told == [[], ["tenant acme"]])
            assert (first.is_whole, second.is_whole) == (False, True)
            second.close()
            second.close()
            await here.until_open(0)
            await second.ask(IN_FORCE)
            assert second.is_whole

    asyncio.run(run())


def test_listener_whose_server_does_not_answer_says_so_in_time_and_tells_the_other(migrated_dsn):
    async def run():
        async with room(migrated_dsn) as here:
            first, second = here.hearings
            await second.ask("SELECT 1")
            answers_within(here.listener._connection, 0.2)
            async with here.admin.transaction():
                await here.admin.execute("LOCK TABLE axonflow.policy_set")
                with pytest.raises(TimeoutError):
                    await first.ask(IN_FORCE)
            assert here.told == [[""], [""]]
            assert not second.is_whole
            assert await first.ask(IN_FORCE) is not None

    asyncio.run(run())


def test_listener_asked_what_is_refused_keeps_the_connection_for_the_other(migrated_dsn):
    async def run():
        async with room(migrated_dsn) as here:
            first, second = here.hearings
            await second.ask(IN_FORCE)
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await first.ask("SELECT bundle FROM axonflow.policy_version")
            assert here.told == [[], []]
            assert second.is_whole

    asyncio.run(run())


def test_listener_asked_of_a_tenant_answers_as_that_tenant_and_is_nobody_afterwards(migrated_dsn, tenant):
    who = "SELECT current_user || ' ' || current_setting('axonflow.tenant_id', true)"

    async def run():
        async with room(migrated_dsn) as here:
            asked, _ = here.hearings
            assert await asked.ask_of(tenant, who) == f"axonflow_app {tenant}"
            assert await asked.ask_of(tenant, "SELECT count(*) FROM axonflow.policy_version") == 0
            with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
                await asked.ask_of(tenant, "DELETE FROM axonflow.role RETURNING 1")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await asked.ask("SELECT bundle FROM axonflow.policy_version")
            assert [row[0] for row in await asked.ask(who)] == ["axonflow_sync "]
            assert here.listener.time == 1

    asyncio.run(run())


def test_listener_whose_question_is_given_up_begins_anew(migrated_dsn):
    async def run():
        async with room(migrated_dsn) as here:
            first, second = here.hearings
            await second.ask(IN_FORCE)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await first.ask("SELECT pg_sleep(2)")
            assert not second.is_whole
            assert await first.ask(IN_FORCE) is not None
            await here.until_open(1)

    asyncio.run(run())


def test_listener_that_cannot_listen_leaves_no_connection_behind(migrated_dsn, monkeypatch):
    async def refuse(*_):
        raise asyncpg.FeatureNotSupportedError("a pooler of transactions")

    async def run():
        async with room(migrated_dsn) as here:
            with monkeypatch.context() as patch:
                patch.setattr(asyncpg.Connection, "add_listener", refuse)
                with pytest.raises(asyncpg.FeatureNotSupportedError):
                    await here.hearings[0].ask(IN_FORCE)
            await here.until_open(0)
            assert here.listener.time == 0

    asyncio.run(run())


def test_feeds_of_one_database_share_a_connection_and_hear_what_is_theirs(migrated_dsn, tenant):
    async def run():
        admin = await asyncpg.connect(migrated_dsn)
        database = await PostgresDatabase.connect(migrated_dsn)
        policies, tenants = PostgresPolicyFeed(database), PostgresTenantFeed(database)
        try:
            await policies.in_force()
            await tenants.standing()
            async with asyncio.timeout(LONG_S):  # those of tests before may still be closing
                while await admin.fetchval(OPEN) != 1:
                    pass
            await admin.execute("SELECT pg_notify('axonflow', $1)", f"api_key {tenant}")
            async with asyncio.timeout(LONG_S):
                while Announced("api_key", tenant) not in await tenants.heard(LONG_S):
                    pass
            assert await policies.changed(0) is False, "no key changes what is in force"
            await admin.execute(NEW_TENANT, tenant)
            assert await policies.changed(LONG_S) is True
            assert (await tenants.standing()).inactive[tenant] == "suspended"
            policies.close()
            tenants.close()
            with pytest.raises(TenancyUnavailable):
                await tenants.heard(LONG_S)
        finally:
            await database.close()
            await admin.close()

    asyncio.run(run())
