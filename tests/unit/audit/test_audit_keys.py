"""The keys of a writer: made once, rotated when that was asked for, whatever dies in between; never another's."""

import asyncio
import fcntl
import os

import pytest
from msgspec.structs import replace

from axonflow.adapters.ed25519 import made_signature
from axonflow.adapters.memory import MemoryAuditProofs
from axonflow.adapters.sqlite_spool import SqliteAuditSpool
from axonflow.app import audit_keys
from axonflow.app.audit_keys import ask_for_rotation, first_key_id, signing_keys
from axonflow.app.spooling import signing
from axonflow.audit.trust import Trust
from axonflow.errors import AuditConflict, AuditError, ConfigurationError
from axonflow.flows.drain import drain_once
from axonflow.flows.verify_audit import verify_audit
from tests.unit.audit.test_chain import event


async def wrote(folder, store, number):
    """One process: it opens the spool, signs with what there is, records one event and drains it. Its keys."""
    spool = SqliteAuditSpool.open(folder)
    try:
        signer, keys = signing_keys(folder, spool.writer_id, await spool.next_number())
        spool.sign_with(signer)
        for key in keys:
            await store.register(key)
        await spool.append(replace(event(number), writer_id=spool.writer_id))
        assert await drain_once(spool, store) == 1
        return keys
    finally:
        spool.close()


def test_key_that_is_rotated_is_endorsed_and_who_trusts_the_first_trusts_all(tmp_path):
    async def main():
        store = MemoryAuditProofs()
        (first,) = await wrote(tmp_path, store, 0)
        for number in range(1, 4):
            named = ask_for_rotation(tmp_path)
            keys = await wrote(tmp_path, store, number)
            assert (keys[-1].key_id, keys[-1].number, len(keys)) == (named, number, number + 1)
        report = await verify_audit(
            store, trust=Trust(public_keys=frozenset({first.public_key})), verify=made_signature
        )
        assert (report.broken, report.records, report.writers[0].signed) == ((), 4, 4)
        assert await wrote(tmp_path, store, 4) == keys

    asyncio.run(main())


@pytest.mark.parametrize("moment", ["before anything", "endorsed", "half replaced", "replaced"])
def test_rotation_that_was_killed_is_finished_by_the_next_start(tmp_path, monkeypatch, moment):
    class Killed(BaseException):
        pass

    def die(*_):
        raise Killed

    async def main():
        store = MemoryAuditProofs()
        await wrote(tmp_path, store, 0)
        named = ask_for_rotation(tmp_path)
        with monkeypatch.context() as patch:
            if moment == "before anything":
                patch.setattr(audit_keys, "_write", die)
            elif moment == "endorsed":
                patch.setattr(audit_keys.Path, "replace", die_unless(".json", audit_keys.Path.replace, die))
            elif moment == "half replaced":
                patch.setattr(audit_keys.Path, "replace", die_unless((".json", ".pub"), audit_keys.Path.replace, die))
            else:
                patch.setattr(audit_keys, "_sync", sync_once(audit_keys._sync, die))
            with pytest.raises(Killed):
                await wrote(tmp_path, store, 1)
        keys = await wrote(tmp_path, store, 1)
        assert [key.key_id for key in keys][1:] == [named]
        report = await verify_audit(store, verify=made_signature)
        assert (report.broken, report.records) == ((), 2)

    asyncio.run(main())


def die_unless(endings, replace_path, die):
    return lambda path, target: replace_path(path, target) if str(target).endswith(endings) else die()


@pytest.mark.parametrize("left", [(b"", None), (b"", b""), (None, None), (None, b"")])
def test_rotation_whose_asking_was_killed_is_done_by_the_next_start(tmp_path, left):
    first, _ = signing_keys(tmp_path, "w", 0)
    ask_for_rotation(tmp_path)
    for name, data in zip(("audit.next.key", "audit.next.pub"), left, strict=True):
        kept = data if data is not None or name.endswith("pub") else (tmp_path / name).read_bytes()
        (tmp_path / name).unlink()
        if kept is not None:
            (tmp_path / name).write_bytes(kept)
    assert first_key_id(tmp_path) == first.key_id
    signer, keys = signing_keys(tmp_path, "w", 1)
    assert (len(keys), keys[1].key_id) == (2, signer.key_id)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["audit.key", "audit.keys.json", "audit.pub"]


def sync_once(sync, die):
    left = [sync]
    return lambda folder: left.pop()(folder) if left else die()


def test_key_asked_for_before_the_one_of_now_has_signed_waits_for_a_later_start(tmp_path):
    async def main():
        spool = SqliteAuditSpool.open(tmp_path)
        first = signing_keys(tmp_path, spool.writer_id, 0)
        ask_for_rotation(tmp_path)
        assert signing_keys(tmp_path, spool.writer_id, 0)[1] == first[1]
        assert len(signing_keys(tmp_path, spool.writer_id, 1)[1]) == 2
        spool.close()

    asyncio.run(main())


def test_rotation_while_a_batch_is_sealed_that_the_store_then_refuses_waits_and_verifies(tmp_path):
    """Else it would be sealed anew, under a number from before the new key's, with that key."""

    class Store(MemoryAuditProofs):
        is_away = True

        async def write_batch(self, batch):
            if self.is_away:
                raise AuditError("away")
            await super().write_batch(batch)

    async def started(store, told):
        spool = SqliteAuditSpool.open(tmp_path)
        for key in await signing(spool, tmp_path, told.append):
            await store.register(key)
        return spool

    async def main():
        store = Store()
        spool = await started(store, [])
        for number in range(3):
            await spool.append(replace(event(number), writer_id=spool.writer_id))
        first = (await spool.oldest(1))[0]
        with pytest.raises(AuditError, match="away"):
            await drain_once(spool, store)
        spool.close()
        named, told = ask_for_rotation(tmp_path), []
        spool = await started(store, told)
        assert ["a later start" in one for one in told] == [True]
        await store.write([replace(first, hash=bytes(32))])  # another holds its place, so the batch is refused
        store.is_away = False
        with pytest.raises(AuditConflict):
            await drain_once(spool, store)
        assert [record for record, _ in await spool.in_quarantine()] == [first]
        spool.close()
        told = []
        spool = await started(store, told)
        await spool.append(replace(event(9), writer_id=spool.writer_id))
        assert (await drain_once(spool, store), told) == (1, [])
        spool.close()
        report = await verify_audit(store, verify=made_signature)
        assert not {"unknown_key", "bad_signature", "unendorsed_key"} & {one.kind for one in report.broken}
        assert [key.key_id for key in (await store.stored_writers())[0].keys][-1] == named

    asyncio.run(main())


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("audit.key", None, "is not the one that its writer signs with"),
        ("audit.keys.json", b"[]", "not the keys of this writer"),
        ("audit.keys.json", b"{", "not the keys of this writer"),
        ("audit.key", b"no key", "not a key"),
    ],
)
def test_key_that_is_not_the_writers_is_refused_and_says_what_to_do(tmp_path, name, data, says):
    signing_keys(tmp_path, "w", 0)
    (tmp_path / name).unlink()
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(ConfigurationError, match=says):
        signing_keys(tmp_path, "w", 0)


def test_keys_of_another_writer_are_refused(tmp_path):
    signing_keys(tmp_path, "w", 0)
    with pytest.raises(ConfigurationError, match="expected those of another"):
        signing_keys(tmp_path, "another", 0)


def test_rotation_asked_for_while_a_command_runs_is_seen_by_it_only_when_it_is_there_whole(tmp_path, monkeypatch):
    signing_keys(tmp_path, "w", 0)
    make = audit_keys.make_key_pair

    def made(*paths):
        other = os.open(tmp_path, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(other)
        return make(*paths)

    monkeypatch.setattr(audit_keys, "make_key_pair", made)
    assert ask_for_rotation(tmp_path) == signing_keys(tmp_path, "w", 1)[0].key_id


def test_rotation_from_a_key_that_never_signed_is_refused_and_endorses_nothing(tmp_path):
    signing_keys(tmp_path, "w", 0)
    ask_for_rotation(tmp_path)
    (tmp_path / "audit.key").unlink()
    before = (tmp_path / "audit.keys.json").read_bytes()
    with pytest.raises(ConfigurationError, match="not the one that its writer signs with"):
        signing_keys(tmp_path, "w", 1)
    assert (tmp_path / "audit.keys.json").read_bytes() == before


def test_rotation_asked_for_twice_or_where_there_is_no_key_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="no key of the audit trail"):
        ask_for_rotation(tmp_path)
    signing_keys(tmp_path, "w", 0)
    ask_for_rotation(tmp_path)
    with pytest.raises(ConfigurationError, match="a rotation was asked for already"):
        ask_for_rotation(tmp_path)
