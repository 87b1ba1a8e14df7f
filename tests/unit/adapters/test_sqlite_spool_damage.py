"""The durable spool after damage: what can be read goes on to the store, the file is kept, recording begins anew."""

import asyncio
import os
import random
import shutil
import sqlite3

import pytest
from msgspec.structs import replace

from axonflow import AxonFlow
from axonflow.adapters.sqlite_spool import SqliteAuditSpool, aside, salvage, spool_file
from axonflow.audit import verify_chain
from axonflow.errors import AuditError, ConfigurationError
from tests.unit.audit.test_chain import event

FILE = "spool.sqlite3"


def appended(spool, numbers, size=10):
    async def run():
        return await asyncio.gather(
            *(
                spool.append(
                    replace(
                        event(number), tenant_id=f"t{number % 3}", writer_id=spool.writer_id,
                        reasons=(f"{number} " + "x" * size,),
                    )
                )
                for number in numbers
            )
        )  # fmt: skip

    return asyncio.run(run())


def killed(folder, target):
    """A copy of the folder of a running spool: what a kill leaves."""
    shutil.copytree(folder, target)
    return target


@pytest.fixture
def left(tmp_path):
    """A folder as a killed process leaves it, half of its records in the log, and those records."""
    spool = SqliteAuditSpool.open(tmp_path / "running")
    records = appended(spool, range(300), 900)
    asyncio.run(spool._owner.do(lambda held: held._transactions.checkpoint()))
    records += appended(spool, range(300, 420), 900)
    yield killed(tmp_path / "running", tmp_path / "left"), records
    spool.close()


def drained(*spools):
    """All that these spools offer, as a store that takes everything has it."""

    async def run():
        stored = []
        for spool in spools:
            while (batch := await spool.sealed(64)) is not None:
                stored += batch.records
                await spool.release(batch)
        return stored

    return asyncio.run(run())


def recovered(folder):
    """What goes to a store from a spool that was opened again after damage, and the reports of it."""
    spool = SqliteAuditSpool.open(folder)
    salvaged = [SqliteAuditSpool.open(place) for place in spool.salvaged]
    try:
        new = appended(spool, range(1_000, 1_003))
        stored = drained(*salvaged, spool)
        assert {record.hash for record in new} <= {record.hash for record in stored}
        return spool, [one for one in stored if one not in new], spool.damage
    finally:
        for one in (*salvaged, spool):
            one.close()


def flip(path, place):
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 0x10]))


@pytest.mark.parametrize(("change", "found"), [(one, "no batch that comes next") for one in (
    "DELETE FROM batch", "UPDATE batch SET number = 'x'", "UPDATE batch SET previous = 'x'",
    "UPDATE batch SET reached = 'x'", "UPDATE batch SET statement = 'x'", "UPDATE batch SET statement = x'00'",
    "UPDATE batch SET last_position = 400",
)] + [(f"INSERT INTO batch_ahead VALUES (0, {values})", "a batch ahead that cannot be one") for values in (
    "'x', x'', 400", "x'00', 'x', 400", "x'00', x'', 'x'",
)])  # fmt: skip
def test_spool_whose_next_batches_cannot_be_ones_begins_anew_and_drains_its_records(left, change, found):
    folder, records = left
    connection = sqlite3.connect(folder / FILE, isolation_level=None)
    connection.execute(change)
    connection.close()
    _, stored, (damage,) = recovered(folder)
    assert ({one.hash for one in stored}, damage.missing) == ({one.hash for one in records}, 0)
    assert damage.found == found


def test_spool_of_a_damaged_file_offers_what_was_sealed_and_what_was_ahead_as_they_were(tmp_path):
    spool = SqliteAuditSpool.open(tmp_path / "running")
    appended(spool, range(400), 900)
    batch = asyncio.run(spool.sealed(20))
    ahead = asyncio.run(spool.ahead(batch, 20))
    asyncio.run(spool._owner.do(lambda held: held._transactions.checkpoint()))
    folder = killed(tmp_path / "running", tmp_path / "left")
    spool.close()
    os.truncate(folder / FILE, (folder / FILE).stat().st_size - 40_960)
    again = SqliteAuditSpool.open(folder)
    (place,) = again.salvaged
    salvaged = SqliteAuditSpool.open(place)
    assert asyncio.run(salvaged.sealed(1)) == batch
    assert asyncio.run(salvaged.ahead(batch, 1)) == ahead
    again.close()
    salvaged.close()


def test_spool_after_any_damage_goes_on_and_drains_what_can_be_read(left, tmp_path):
    folder, records = left
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")  # shown when this fails
    draw = random.Random(seed)
    hashes = {record.hash for record in records}
    for round_ in range(25):
        place = killed(folder, tmp_path / f"round{round_}")
        name = draw.choice([FILE, FILE, f"{FILE}-wal"])
        size = (place / name).stat().st_size
        where = draw.randrange(size)
        how = draw.choice(["flip", "flip", "truncate", "zeros"])
        if how == "truncate":
            os.truncate(place / name, where)
        elif how == "zeros":
            with (place / name).open("r+b") as file:
                file.seek(where)
                file.write(bytes(min(4096, size - where)))
        else:
            flip(place / name, where)
        _, stored, damage = recovered(place)
        kept = {record.hash for record in stored}
        assert kept <= hashes, (round_, how, where)
        if damage:
            assert damage[0].kept + damage[0].missing >= len(records)
            assert (place / "damaged").joinpath(damage[0].at.rpartition("/")[2], FILE).exists()
        else:  # nothing but single records was hit
            assert len(kept) >= len(records) - 10, (round_, how, where)
        shutil.rmtree(place)


@pytest.mark.parametrize("damage", ["no database", "half", "a page", "first page", "empty", "gone", "other header"])
def test_spool_file_that_is_damaged_is_moved_aside_and_what_can_be_read_of_it_kept(left, damage):
    folder, records = left
    for more in ("-wal", "-shm"):
        (folder / f"{FILE}{more}").unlink()
    file = folder / FILE
    sound = file.read_bytes()
    middle = len(sound) // 8192 * 4096
    damaged = {
        "no database": b"x" * 4096,
        "half": sound[:middle],
        "a page": sound[:middle] + b"\xff" * 4096 + sound[middle + 4096 :],
        "first page": b"\xff" * 4096 + sound[4096:],
        "empty": b"",
        "gone": None,
        "other header": sound[:68] + b"zzzz" + sound[72:],
    }[damage]
    file.unlink() if damaged is None else file.write_bytes(damaged)
    writer_id = records[0].event.writer_id
    spool, stored, (report,) = recovered(folder)
    assert spool.writer_id != writer_id == report.writer_id
    assert report.kept == len(stored)
    assert report.missing == len(records) - len(stored)
    assert {record.hash for record in stored} < {record.hash for record in records}
    least = {"half": 100, "a page": 250, "first page": 300, "other header": 300}.get(damage, 0)
    assert len(stored) >= least
    (aside_folder,) = (folder / "damaged").iterdir()
    assert (aside_folder / FILE).read_bytes() == (damaged or b"")
    again = SqliteAuditSpool.open(folder)
    assert (again.writer_id, len(again.damage)) == (spool.writer_id, 1)
    again.close()


def test_flow_on_a_spool_that_was_damaged_warns_whoever_opens_it_until_the_file_is_moved_away(left):
    folder, _ = left
    (folder / FILE).write_bytes(b"no database at all, but for its length" * 100)
    for _ in range(2):
        with pytest.warns(RuntimeWarning, match="the audit spool was damaged.* records could be read") as warned:
            AxonFlow.open("@baseline", audit=folder).audit.close()
        assert [one.filename for one in warned] == [__file__]
    shutil.rmtree(folder / "damaged")
    AxonFlow.open("@baseline", audit=folder).audit.close()


def test_spool_whose_log_is_lost_is_taken_for_damaged(left):
    folder, records = left
    (folder / f"{FILE}-wal").unlink()
    spool, stored, (report,) = recovered(folder)
    assert report.found == "the last 120 records are missing"
    assert (len(stored), report.missing) == (300, 120)
    assert spool.writer_id != records[0].event.writer_id


def test_spool_whose_log_is_lost_after_all_was_drained_is_taken_for_damaged(tmp_path):
    spool = SqliteAuditSpool.open(tmp_path / "running")
    appended(spool, range(9))
    drained(spool)
    left = killed(tmp_path / "running", tmp_path / "left")
    spool.close()
    (left / f"{FILE}-wal").write_bytes(b"")
    again, stored, (report,) = recovered(left)
    assert (stored, report.kept, report.missing) == ([], 0, 0)
    assert again.writer_id != spool.writer_id


def test_spool_killed_while_it_moves_a_damaged_file_goes_on_with_it(left, monkeypatch):
    folder, records = left
    (folder / FILE).write_bytes((folder / FILE).read_bytes()[:200_000])

    def killed_here(*_):
        raise KeyboardInterrupt

    for module, name in ((salvage, "finish"), (aside, "sync_folder")):
        with monkeypatch.context() as patched:
            patched.setattr(module, name, killed_here)
            with pytest.raises(KeyboardInterrupt):
                SqliteAuditSpool.open(folder, lock_timeout_s=60)
    _, stored, (report,) = recovered(folder)
    assert report.found.startswith("the file was moved aside")
    assert 100 < len(stored) == report.kept
    assert {record.hash for record in stored} <= {record.hash for record in records}


def test_spool_of_a_damaged_file_without_room_for_what_can_be_read_refuses_and_tries_again(left, monkeypatch):
    folder, _ = left
    (folder / FILE).write_bytes((folder / FILE).read_bytes()[:200_000])

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(salvage, "finish", full)
        with pytest.raises(AuditError, match="cannot be kept"):
            SqliteAuditSpool.open(folder)
    with monkeypatch.context() as patched:
        patched.setattr(aside, "sync_folder", full)
        with pytest.raises(AuditError, match=r"cannot be moved aside.*No space left"):
            aside.move_aside(folder)
    _, stored, _ = recovered(folder)
    assert stored


def test_spool_of_a_large_file_that_is_damaged_while_it_runs_is_checked_whole_at_the_next_start(left, monkeypatch):
    folder, records = left
    monkeypatch.setattr(spool_file, "_CHECKED_BYTES", 0)
    spool = SqliteAuditSpool.open(folder)

    def out_of_memory(held):
        held._transactions.checkpoint()
        held._connection.execute("PRAGMA shrink_memory")

    asyncio.run(spool._owner.do(out_of_memory))
    file = folder / FILE
    sound = file.read_bytes()
    half = len(sound) // 8192 * 4096
    with file.open("r+b") as stream:
        stream.seek(half)
        stream.write(b"\xff" * (len(sound) - half))
    with pytest.raises(AuditError, match=r"is damaged.*At the next start"):
        drained(spool)
    spool.close()
    _, stored, (report,) = recovered(folder)
    assert 100 < len(stored) < len(records) == len(stored) + report.missing
    assert not (folder / "spool.suspect").exists()


def test_spool_of_a_large_file_that_is_found_damaged_at_its_start_is_checked_whole_at_the_next(left, monkeypatch):
    folder, _ = left
    monkeypatch.setattr(spool_file, "_CHECKED_BYTES", 0)
    (folder / f"{FILE}-wal").unlink()
    (folder / "spool.mark").unlink()
    file = folder / FILE
    sound = file.read_bytes()
    file.write_bytes(sound[: 4096 * 20] + b"\xff" * 4096 * 20 + sound[4096 * 40 :])
    with pytest.raises(AuditError, match=r"is damaged.*At the next start"):
        SqliteAuditSpool.open(folder)
    assert recovered(folder)[2]


def test_spool_file_without_rights_of_its_owner_is_opened_all_the_same(left):
    folder, records = left
    (folder / FILE).chmod(0)
    spool = SqliteAuditSpool.open(folder)
    assert (spool.damage, spool.pending) == ([], len(records))
    spool.close()


def test_spool_file_of_something_else_in_a_folder_of_its_own_is_still_refused(tmp_path):
    other = sqlite3.connect(tmp_path / FILE)
    other.execute("CREATE TABLE t (a)")
    other.close()
    with pytest.raises(ConfigurationError, match="not an audit spool"):
        SqliteAuditSpool.open(tmp_path)
    assert not (tmp_path / "damaged").exists()


COLUMNS = {
    "deleted": "DELETE FROM records WHERE position = ?",
    "canonical": "UPDATE records SET canonical = zeroblob(9) WHERE position = ?",
    "one letter": "UPDATE records SET canonical = replace(canonical, 'x', 'y') WHERE position = ?",
    "text": "UPDATE records SET canonical = CAST(canonical AS TEXT) WHERE position = ?",
    "hash": "UPDATE records SET hash = zeroblob(32) WHERE position = ?",
    "short hash": "UPDATE records SET hash = zeroblob(3) WHERE position = ?",
    "previous": "UPDATE records SET previous = 'abc' WHERE position = ?",
    "sequence": "UPDATE records SET sequence = 'abc' || position WHERE position = ?",
    "negative": "UPDATE records SET sequence = -position WHERE position = ?",
    "tenant": "UPDATE records SET tenant_id = 'other' || position WHERE position = ?",
}


@pytest.mark.parametrize("how", COLUMNS)
@pytest.mark.parametrize("sealed", [False, True])
def test_spool_with_a_damaged_record_puts_that_one_away_and_drains_all_others(tmp_path, how, sealed):
    spool = SqliteAuditSpool.open(tmp_path)
    for number in range(6):
        appended(spool, range(number * 9, number * 9 + 9))
        if sealed:
            asyncio.run(spool.sealed(5))
        positions = [row.position for row in asyncio.run(spool._owner.do(lambda held: held.oldest(100)))]
        damaged = positions[number]
        asyncio.run(spool._owner.do(lambda held, at=damaged: held._connection.execute(COLUMNS[how], (at,)) and None))
        before = spool.quarantined
        more = appended(spool, [number * 9 + 500])
        stored = drained(spool)
        assert {one.hash for one in more} <= {one.hash for one in stored}
        assert len(stored) == 9
        assert spool.quarantined - before == (how != "deleted")
    assert spool.pending == 0
    kept = asyncio.run(spool.in_quarantine())
    assert all(record is None for record, _ in kept)
    assert len(kept) == (0 if how == "deleted" else 6)
    spool.close()


def test_spool_with_every_record_damaged_still_records_new_ones(tmp_path):
    spool = SqliteAuditSpool.open(tmp_path)
    appended(spool, range(20))
    asyncio.run(spool._owner.do(lambda held: held._connection.execute("UPDATE records SET hash = 7") and None))
    spool.close()
    spool = SqliteAuditSpool.open(tmp_path)
    new = appended(spool, range(20, 26))
    assert {record.hash for record in new} == {record.hash for record in drained(spool)}
    assert (spool.pending, spool.quarantined) == (0, 20)
    for tenant in ("t0", "t1", "t2"):
        assert verify_chain([one for one in new if one.event.tenant_id == tenant][1:],
                            after=next(one for one in new if one.event.tenant_id == tenant)) == 1  # fmt: skip
    spool.close()


def test_spool_whose_sealed_batch_cannot_be_read_seals_it_anew(tmp_path):
    spool = SqliteAuditSpool.open(tmp_path)
    records = appended(spool, range(6))
    asyncio.run(spool.sealed(10))
    asyncio.run(spool._owner.do(lambda held: held._connection.execute("UPDATE batch SET statement = x'00'") and None))
    assert len(drained(spool)) == len(records)
    spool.close()


def test_spool_asked_to_put_back_its_quarantine_offers_it_again(tmp_path):
    spool = SqliteAuditSpool.open(tmp_path)
    records = appended(spool, range(9))
    asyncio.run(spool.quarantine(records[:4], "the store said no"))
    assert (spool.pending, spool.quarantined) == (5, 4)
    assert asyncio.run(spool.put_back()) == 4
    assert (spool.pending, spool.quarantined) == (9, 0)
    assert len(drained(spool)) == 9
    spool.close()
