"""The spool and keys of persons: on the disk with the first record that needs each, until a store has them."""

import asyncio
import sqlite3
from contextlib import closing

import pytest
from msgspec.structs import replace

from axonflow.adapters.memory import MemoryPersonKeys
from axonflow.adapters.person_keys import InstallationKey, WriterKeys
from axonflow.adapters.sqlite_spool import SqliteAuditSpool
from axonflow.adapters.sqlite_spool.held_keys import KEY_BYTES
from axonflow.app.spooling import move_person_keys
from axonflow.audit import AuditModes, verify_chain
from axonflow.errors import AuditConflict, AuditError
from tests.unit.adapters.test_sqlite_spool_damage import FILE, flip, killed
from tests.unit.audit.test_chain import event

INSTALLATION = InstallationKey(bytes(32))


@pytest.fixture
def spool(tmp_path):
    spool = SqliteAuditSpool.open(tmp_path / "spool", modes=AuditModes("async"))
    spool.seal_persons(WriterKeys(INSTALLATION).key_of)
    yield spool
    spool.close()


def by(spool, person, number=0, **changes):
    return replace(event(number), tenant_id="t", writer_id=spool.writer_id, principal=f"user:{person}", **changes)


def append(spool, person, number=0, **changes):
    return asyncio.run(spool.append(by(spool, person, number, **changes)))


def held(spool, limit=100):
    return asyncio.run(spool.person_keys(limit))


def tags(spool):
    return {key.tag for key in held(spool)}


def of(*persons):
    return {INSTALLATION.tag("t", f"user:{person}") for person in persons}


def small_spool(folder, records, **settings):
    """One with room for so many records of a person."""
    with closing(SqliteAuditSpool.open(folder / "measured")) as spool:
        spool.seal_persons(WriterKeys(INSTALLATION).key_of)
        append(spool, "ann")
        size_bytes = spool.pending_bytes
    spool = SqliteAuditSpool.open(folder / "small", max_bytes=records * size_bytes + 100, **settings)
    spool.seal_persons(WriterKeys(INSTALLATION).key_of)
    return closing(spool)


class Refusing(MemoryPersonKeys):
    """A store that never keeps what PostgreSQL does not."""

    async def keep(self, keys):
        if any("\0" in key.tenant_id for key in keys):
            raise AuditConflict("the key cannot be kept")
        await super().keep(keys)


def test_spool_keeps_a_key_with_the_first_record_that_needs_it_and_once(spool):
    assert held(spool) == []
    records = [append(spool, person, number) for number, person in enumerate(("ann", "bob", "ann"))]
    first, second = (record.event.principal.removeprefix("user:~") for record in records[:2])
    assert {key.key_id for key in held(spool)} == {first, second}
    assert records[2].event.principal == records[0].event.principal
    assert {key.tag for key in held(spool)} == {INSTALLATION.tag("t", f"user:{name}") for name in ("ann", "bob")}
    assert verify_chain(records) == 3


def test_spool_of_a_killed_process_has_the_keys_of_all_its_records(spool, tmp_path):
    append(spool, "ann")
    left = killed(tmp_path / "spool", tmp_path / "left")
    again = SqliteAuditSpool.open(left)
    assert held(again) == held(spool)
    again.close()


def test_spool_lets_go_of_keys_that_a_store_has_and_says_so_at_the_next_start(spool, tmp_path):
    append(spool, "ann")
    (key,) = held(spool)
    store = MemoryPersonKeys()
    asyncio.run(move_person_keys(spool, store))
    assert held(spool) == []
    assert asyncio.run(store.wrapped("t", [key.key_id])) == {key.key_id: key.wrapped}
    append(spool, "ann", 1)
    assert held(spool) == []  # it is kept already
    left = killed(tmp_path / "spool", tmp_path / "left")
    assert sqlite3.connect(left / FILE).execute("SELECT count(*) FROM person_key").fetchone() == (0,)


def test_spool_in_async_mode_seals_what_it_takes_and_waits_for_what_is_large(spool):
    assert spool.append_later(by(spool, "ann", attributes={"principal.city": "Oslo"}))
    assert not spool.append_later(by(spool, "ann", 1, attributes={"principal.city": "x" * 20_000}))
    (record,) = asyncio.run(spool.oldest(10))
    assert b"Oslo" not in record.canonical
    assert len(held(spool)) == 1


def test_spool_keeps_no_key_of_what_it_refuses_and_writes_nothing_of_it(spool, tmp_path):
    with pytest.raises(AuditError, match="tenant_id"):
        asyncio.run(spool.append(replace(by(spool, "eve"), tenant_id="t\0")))
    with pytest.raises(AuditError, match="attributes"):
        append(spool, "eve", attributes={"context.x": float("inf")})
    assert spool.append_later(by(spool, "eve", 2, details={"note": "Trondheim\0"}))
    append(spool, "ann", 1)
    assert {key.tag for key in held(spool)} == {INSTALLATION.tag("t", "user:ann")}
    assert (spool.lost, spool.quarantined) == (1, 1)
    ((record, why),) = asyncio.run(spool.in_quarantine())
    assert record is None
    assert "details" in why
    spool.close()
    files = b"".join(file.read_bytes() for file in (tmp_path / "spool").iterdir())
    assert not [word for word in (b"Trondheim", b"user:eve", b"user:ann") if word in files]


def test_spool_that_was_damaged_keeps_the_keys_that_can_be_read(spool, tmp_path):
    for number in range(40):
        append(spool, f"p{number}", number)
    kept = {key.key_id for key in held(spool)}
    spool.close()
    file = tmp_path / "spool" / FILE
    (root,) = (
        sqlite3.connect(file).execute("SELECT rootpage FROM sqlite_master WHERE name = 'records_by_chain'").fetchone()
    )
    flip(file, (root - 1) * 4_096)
    again = SqliteAuditSpool.open(tmp_path / "spool")
    (place,) = again.salvaged
    salvaged = SqliteAuditSpool.open(place)
    assert {key.key_id for key in held(salvaged)} == kept
    again.close()
    salvaged.close()


def test_spool_that_is_full_keeps_no_key_of_what_it_refused(tmp_path):
    with small_spool(tmp_path, 1) as spool:
        append(spool, "ann")
        for number, person in enumerate(("bob", "eve"), 1):
            with pytest.raises(AuditError, match="full"):
                append(spool, person, number)
        asyncio.run(spool.release(asyncio.run(spool.sealed(10))))
        append(spool, "cid", 3)
        assert tags(spool) == of("ann", "cid")


def test_spool_that_sheds_has_the_keys_of_all_that_it_recorded(tmp_path):
    with small_spool(tmp_path, 9, sheds=True, modes=AuditModes("async")) as spool:
        for number in range(12):
            assert spool.append_later(by(spool, f"p{number}", number))
        append(spool, "ann", 12)
        asyncio.run(move_person_keys(spool, store := MemoryPersonKeys()))
        append(spool, "ann", 13)
        assert spool.shed > 0
        assert held(spool) == []
        assert all(asyncio.run(store.of_person("t", tag)) for tag in of("ann", "p0", "p11"))


def test_spool_with_keys_that_were_damaged_offers_all_others_and_says_which_no_store_takes(tmp_path):
    spool = SqliteAuditSpool.open(tmp_path)
    spool.seal_persons(WriterKeys(INSTALLATION).key_of)
    for number in range(6):
        append(spool, f"p{number}", number)
    spool.close()
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        place = "WHERE tag = (SELECT tag FROM person_key WHERE typeof(created_us) = 'integer' AND tenant_id = 't')"
        for change in ("created_us = 'x'", "tenant_id = CAST(x'ff' AS TEXT)", "tenant_id = CAST(x'7400' AS TEXT)"):
            connection.execute(f"UPDATE person_key SET {change} {place}")
            connection.commit()
    with closing(SqliteAuditSpool.open(tmp_path)) as again:
        sound = {key.key_id for key in held(again) if key.tenant_id == "t"}
        with pytest.raises(AuditConflict, match="cannot be kept"):
            asyncio.run(move_person_keys(again, store := Refusing()))
        asyncio.run(move_person_keys(again, store))
        assert asyncio.run(store.wrapped("t", sound)).keys() == sound
        assert len(sound) == 3
        assert held(again) == []
    with closing(SqliteAuditSpool.open(tmp_path)) as again:
        assert [key.tenant_id for key in held(again)] == ["t\0"]  # nothing is lost that somebody might mend


def test_spool_of_which_keys_cannot_be_read_keeps_those_from_both_ends(tmp_path):
    spool = SqliteAuditSpool.open(tmp_path)
    spool.seal_persons(WriterKeys(INSTALLATION).key_of)
    for number in range(150):
        append(spool, f"p{number}", number)
    ordered = sorted(key.key_id for key in held(spool, 1_000))
    spool.close()
    data = (tmp_path / FILE).read_bytes()
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'person_key'").fetchone()
    # one in the middle that is not on the root; "t" stands before it, in no record
    pages = [data.index(b"t" + key_id.encode()) // 4_096 for key_id in ordered[70:80]]
    flip(tmp_path / FILE, next(page for page in pages if page != root - 1) * 4_096)
    with closing(SqliteAuditSpool.open(tmp_path)) as again, closing(SqliteAuditSpool.open(again.salvaged[0])) as kept:
        found = sorted(key.key_id for key in held(kept, 1_000))
        assert 100 < len(found) < 150
        assert {ordered[0], ordered[-1]} <= {*found}


def test_keys_that_wait_take_room_that_records_then_do_not_have(tmp_path):
    with small_spool(tmp_path, 4) as spool:
        before = spool.pending_bytes
        append(spool, "ann")
        first = spool.pending_bytes - before
        append(spool, "ann", 1)
        assert spool.pending_bytes - before < 2 * first
        kept = held(spool)
        whole = spool.pending_bytes
        asyncio.run(spool.release_person_keys(kept))
        assert whole - spool.pending_bytes == KEY_BYTES
