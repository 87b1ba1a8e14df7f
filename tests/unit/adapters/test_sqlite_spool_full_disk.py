"""The spool on a disk that is full, and stays so but for what the spool itself gives back."""

import asyncio
import contextlib
import os
import shutil
import subprocess

import pytest

from axonflow.adapters.memory import MemoryAuditProofs
from axonflow.adapters.sqlite_spool import SqliteAuditSpool
from axonflow.audit import AuditEvent
from axonflow.errors import AuditError
from axonflow.flows.drain import drain_once
from axonflow.flows.verify_audit import verify_audit
from axonflow.ids import new_id, now_us


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of 2 MB."""
    command = ["mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "axonflow-test", str(tmp_path)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("this user may not mount a file system")
    try:
        yield tmp_path
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def event(spool):
    time_us = now_us()
    return AuditEvent(
        event_id=new_id(time_us), tenant_id="t", writer_id=spool.writer_id, time_us=time_us, kind="decision",
        decision_id=new_id(time_us), policy_digest="sha256:0", principal="user:" + "a" * 400, action="tool.call",
        resource="tool:x", effect="deny", allowed=False, policies=("p",), reasons=("r",),
    )  # fmt: skip


async def filled(spool):
    """Append until the disk is full; how many were recorded."""
    count = 0
    refusal = None
    while refusal is None:
        try:
            await spool.append(event(spool))
        except AuditError as error:
            refusal = error
        else:
            count += 1
    assert "full" in refusal.message
    return count


def test_spool_on_a_full_disk_drains_and_then_records_again(tiny_disk):
    async def main():
        spool, store = SqliteAuditSpool.open(tiny_disk / "spool"), MemoryAuditProofs()
        recorded = 0
        for _ in range(3):
            recorded += await filled(spool)
            assert spool.failure is not None
            while await drain_once(spool, store):
                pass
            await spool.append(event(spool))
            recorded += 1
            assert spool.failure is None
        while await drain_once(spool, store):
            pass
        spool.close()
        return recorded, await verify_audit(store)

    recorded, report = asyncio.run(main())
    assert (report.records, report.broken) == (recorded, ())


def test_spool_on_a_disk_that_others_fill_is_opened_again_and_drains(tiny_disk):
    async def main():
        spool = SqliteAuditSpool.open(tiny_disk / "spool")
        recorded = await filled(spool)
        spool.close()
        (tiny_disk / "other").write_bytes(bytes(shutil.disk_usage(tiny_disk).free))
        again, store = SqliteAuditSpool.open(tiny_disk / "spool"), MemoryAuditProofs()
        assert again.pending == recorded
        while await drain_once(again, store):
            pass
        again.close()
        return recorded, await verify_audit(store)

    recorded, report = asyncio.run(main())
    assert (report.records, report.broken) == (recorded, ())


def test_damaged_spool_on_a_full_disk_is_not_taken_for_unreadable_and_is_kept_when_there_is_room(
    tiny_disk, tmp_path_factory
):
    built = tmp_path_factory.mktemp("built")
    with contextlib.closing(SqliteAuditSpool.open(built)) as spool:
        count = asyncio.run(appended(spool, 600))
    place = tiny_disk / "spool"
    shutil.copytree(built, place, ignore=shutil.ignore_patterns("spool.reserve"))
    with (place / "spool.sqlite3").open("r+b") as file:
        file.truncate(file.seek(0, os.SEEK_END) - 4_096)  # so that it is damaged, and nearly all can be read
    (tiny_disk / "other").write_bytes(bytes(shutil.disk_usage(tiny_disk).free - 300_000))
    with pytest.raises(AuditError, match=r"cannot be kept.*Free space"):
        SqliteAuditSpool.open(place)
    assert [*place.glob("damaged/*/report.json")] == []
    assert [*place.glob("damaged/*/spool.sqlite3")] != []
    (tiny_disk / "other").unlink()
    with contextlib.closing(SqliteAuditSpool.open(place)) as again:
        (damage,) = again.damage
        assert count - 40 < damage.kept <= count


async def appended(spool, count):
    await asyncio.gather(*(spool.append(event(spool)) for _ in range(count)))
    return count
