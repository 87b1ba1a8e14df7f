"""What `audit verify --anchor` says at a glance: up to when each writer's trail is proved, of many the earliest."""

import asyncio
import json

import pytest

from axonflow.adapters.anchors import FolderAnchor
from axonflow.adapters.postgres import PostgresAuditStore, migrate
from axonflow.app.auditing import AuditVerification, VerifiedWriter
from axonflow.cli.audit.verify import _shown
from axonflow.cli.times import shown_time
from axonflow.flows.anchor_heads import HeadAnchoring
from tests.audit_trail import Writer, public_key
from tests.postgres import new_database, postgres_dsn
from tests.postgres_stores import opened

__all__ = ["new_database", "postgres_dsn"]

DAY_US = 86_400_000_000
UNSEEN = "what is newer may have been cut off unseen"


def proved(*days):
    """What is said of writers w0, w1, ..., whose newest anchored batch is of these days since the epoch."""
    writers = tuple(
        VerifiedWriter(f"w{number}", 1, 1, 9 * DAY_US, None if day is None else day * DAY_US)
        for number, day in enumerate(days)
    )
    text = _shown(AuditVerification(1, 1, (), writers=writers, trust="anchor", accepted=0), is_spool=False)
    return text[text.index("proved") + len("proved") :].strip()


def test_verify_of_one_writer_with_an_anchor_says_up_to_when():
    assert proved(1) == f"up to 1970-01-02 00:00:00 UTC, the newest that the anchor has; {UNSEEN}"
    assert proved(None) == proved(None, None) == proved() == f"nothing yet; {UNSEEN}"


def test_verify_of_a_few_writers_with_an_anchor_says_it_of_each_the_earliest_first():
    lines = [line.strip() for line in proved(3, None, 1, 2).splitlines()]
    assert lines == [
        f"of each writer up to the newest that the anchor has; {UNSEEN}",
        "up to 1970-01-02 00:00:00 UTC  w2",
        "up to 1970-01-03 00:00:00 UTC  w3",
        "up to 1970-01-04 00:00:00 UTC  w0",
        "nothing yet                    w1",
    ]


@pytest.mark.parametrize(("missing", "none"), [((), ""), ((None, None), "; of 2 writers nothing yet")])
def test_verify_of_many_writers_with_an_anchor_says_the_earliest_and_how_many_they_are(missing, none):
    first, second = proved(6, 5, 4, 3, 2, 7, *missing).splitlines()
    assert first == "up to 1970-01-03 00:00:00 UTC or later, of 6 writers by the newest that the anchor has of each"
    assert second.strip() == f"the earliest is of w4{none}; {UNSEEN}; --json has them all"


async def _anchor(folder, writer):
    anchoring = HeadAnchoring(FolderAnchor(folder), writer.writer_id, public_key(writer.seed), print)
    anchoring.start()
    anchoring.saw(writer.batches[-1])
    assert await anchoring.stop(60)


def test_verify_of_a_trail_with_two_writers_and_an_anchor_says_where_each_ends(run, new_database, tmp_path):
    asyncio.run(migrate(new_database))
    writers = [Writer("early", "a"), Writer("late", "b")]
    folder = tmp_path / "anchor"
    folder.mkdir()
    with opened(new_database) as (go, pools):
        for batches, writer in enumerate(writers, 1):
            for _ in range(batches):
                writer.seal(acme=1)
            asyncio.run(_anchor(folder, writer))
            go(writer.put_into(PostgresAuditStore(pools)))
    verify = ("audit", "verify", "--database-url", new_database, "--anchor", f"file:{folder}")
    result = run(*verify)
    assert (result.exit_code, result.stdout.split()[0]) == (0, "verified")
    told = {one["writer_id"]: one["anchored_us"] for one in json.loads(run(*verify, "--json").stdout)["writers"]}
    lines = [line.split() for line in result.stdout.splitlines() if line.strip().startswith("up to")]
    assert [line[-1] for line in lines] == ["early", "late"]
    assert told["early"] < told["late"]
    assert [" ".join(line[2:4]) for line in lines] == [shown_time(told[line[-1]]) for line in lines]
