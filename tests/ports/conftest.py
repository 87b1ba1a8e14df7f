"""The servers that the adapters under test need, and stores that several modules test."""

import asyncio

import pytest

from axonflow.adapters.memory import MemoryPlanStore
from axonflow.adapters.postgres import PostgresPlanStore
from axonflow.ids import new_id
from tests.postgres import postgres_dsn
from tests.postgres_stores import migrated_dsn, opened

__all__ = ["migrated_dsn", "plan_shelf", "postgres_dsn", "tenant"]


@pytest.fixture(scope="module", params=["memory", "postgres"])
def plan_shelf(request):
    """What runs coroutines, and a store that other tests write to as well: each keeps to tenants of its own."""
    if request.param == "memory":
        with asyncio.Runner() as runner:
            yield runner.run, MemoryPlanStore()
    else:
        with opened(request.getfixturevalue("migrated_dsn")) as (run, database):
            yield run, PostgresPlanStore(database)


@pytest.fixture
def tenant():
    return new_id(1)
