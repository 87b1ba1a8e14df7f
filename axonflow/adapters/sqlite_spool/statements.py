"""What a spool asks of its SQLite file."""

from __future__ import annotations

from typing import Final

_INSERT: Final = "INSERT INTO records (position, tenant_id, sequence, previous, hash, canonical, may_go) VALUES "
INSERTS: Final = [
    (count, _INSERT + ", ".join(["(?, ?, ?, ?, ?, ?, ?)"] * count))
    for count in (1_024, 512, 256, 128, 64, 32, 16, 8, 4, 2, 1)
]
"""Many rows in one statement: at each one the interpreter's lock is let go and fought for again, and an event loop that
is busy keeps it for up to 5 ms. Row by row, 64 waiters got half as far."""
HEAD: Final = """
SELECT sequence, hash FROM (
    SELECT * FROM (
        SELECT sequence, hash FROM records WHERE tenant_id = ?1 AND typeof(sequence) = 'integer'
        ORDER BY sequence DESC LIMIT 1
    )
    UNION ALL SELECT sequence, hash FROM heads WHERE tenant_id = ?1
) ORDER BY sequence DESC LIMIT 1"""
_ROW: Final = "SELECT position, tenant_id, sequence, previous, hash, canonical"
OLDEST: Final = _ROW + " FROM records ORDER BY position LIMIT ?"
CHAIN: Final = _ROW + " FROM records WHERE tenant_id = ? AND sequence >= ? ORDER BY sequence LIMIT ?"
BETWEEN: Final = _ROW + " FROM records WHERE position > ? AND position <= ? ORDER BY position"
QUARANTINED: Final = _ROW + ", reason FROM quarantine ORDER BY position LIMIT ?"
KEEP_HEAD: Final = """
INSERT INTO heads (tenant_id, sequence, hash)
SELECT tenant_id, sequence, hash FROM records WHERE tenant_id = ? AND sequence = ? AND hash = ?
ON CONFLICT (tenant_id) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash
WHERE excluded.sequence > heads.sequence"""
KEEP_HEAD_AT: Final = """
INSERT INTO heads (tenant_id, sequence, hash)
SELECT tenant_id, sequence, hash FROM records WHERE position = ? AND typeof(sequence) = 'integer'
ON CONFLICT (tenant_id) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash
WHERE excluded.sequence > heads.sequence"""
KEEP_HEADS: Final = """
INSERT INTO heads (tenant_id, sequence, hash)
SELECT tenant_id, max(sequence), hash FROM records WHERE position <= ? GROUP BY tenant_id
ON CONFLICT (tenant_id) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash
WHERE excluded.sequence > heads.sequence"""
DELETE: Final = "DELETE FROM records WHERE tenant_id = ? AND sequence = ? AND hash = ? RETURNING length(canonical)"
PENDING: Final = "SELECT count(*), coalesce(sum(length(canonical)), 0) FROM records"
REACHED: Final = "SELECT max(coalesce((SELECT max(position) FROM records), 0), (SELECT reached FROM batch))"
KEEP_REACHED: Final = "UPDATE batch SET reached = max(reached, coalesce((SELECT max(position) FROM records), 0))"
"""Before records go: no position is given twice, so that it can be told when the last records are lost."""
BEFORE_ALL: Final = -(2**63)
"""A position that none has."""
SIZE_UP_TO: Final = f"{PENDING} WHERE position <= ?"
SOUND_BATCH: Final = """
SELECT number, previous, statement, signature, last_position FROM batch
WHERE typeof(number) = 'integer' AND number >= 0 AND typeof(previous) = 'blob' AND length(previous) = 32
AND typeof(reached) = 'integer'
AND (typeof(statement), typeof(signature), typeof(last_position)) IN (
    VALUES ('blob', 'blob', 'integer'), ('null', 'null', 'null')
)"""
"""The batch that comes next, unless it cannot be one: SQLite keeps any value in any column."""
BATCH: Final = "SELECT number, previous, statement, signature, last_position FROM batch"
AHEAD: Final = "SELECT statement, signature, last_position FROM batch_ahead"
_UNSOUND: Final = "(typeof(statement) <> 'blob' OR typeof(signature) <> 'blob' OR typeof(last_position) <> 'integer')"
UNSOUND_AHEAD: Final = f"{AHEAD} WHERE {_UNSOUND}"
SOUND_AHEAD: Final = f"{AHEAD} WHERE NOT {_UNSOUND}"
LAST_POSITION: Final = """
SELECT max(position), count(*) FROM (SELECT position FROM records WHERE position > ? ORDER BY position LIMIT ?)"""
SEAL: Final = """
UPDATE batch SET statement = ?1, signature = ?2, last_position = ?3
WHERE number = ?5 AND statement IS NULL AND (SELECT count(*) FROM records WHERE position <= ?3) = ?4"""
"""Unless some of its records have gone since they were read: positions are never given twice."""
SEAL_AHEAD: Final = """
INSERT INTO batch_ahead (id, statement, signature, last_position)
SELECT 0, ?1, ?2, ?3 FROM batch
WHERE statement = ?5 AND (SELECT count(*) FROM records WHERE position > last_position AND position <= ?3) = ?4
ON CONFLICT DO NOTHING"""
UNSEAL: Final = "UPDATE batch SET statement = NULL, signature = NULL, last_position = NULL"
NO_AHEAD: Final = "DELETE FROM batch_ahead"
NEXT: Final = "UPDATE batch SET number = ?, previous = ?, statement = NULL, signature = NULL, last_position = NULL"
ADVANCE: Final = """
UPDATE batch SET number = number + 1, previous = ?, statement = (SELECT statement FROM batch_ahead),
    signature = (SELECT signature FROM batch_ahead), last_position = (SELECT last_position FROM batch_ahead)"""
QUARANTINE: Final = """
INSERT INTO quarantine (tenant_id, sequence, previous, hash, canonical, reason)
SELECT tenant_id, sequence, previous, hash, canonical, ? FROM records
WHERE tenant_id = ? AND sequence = ? AND hash = ?"""
QUARANTINE_AT: Final = """
INSERT INTO quarantine (tenant_id, sequence, previous, hash, canonical, reason)
SELECT tenant_id, sequence, previous, hash, canonical, ? FROM records WHERE position = ?"""
QUARANTINE_EVENT: Final = """
INSERT INTO quarantine (tenant_id, sequence, previous, hash, canonical, reason) VALUES (?, -1, x'', x'', ?, ?)"""
PUT_BACK: Final = """
INSERT INTO records (position, tenant_id, sequence, previous, hash, canonical)
SELECT ? + position, tenant_id, sequence, previous, hash, canonical FROM quarantine WHERE sequence >= 0
ON CONFLICT DO NOTHING"""
FORGET_PUT_BACK: Final = """
DELETE FROM quarantine WHERE EXISTS (
    SELECT 1 FROM records
    WHERE records.tenant_id = quarantine.tenant_id AND records.sequence = quarantine.sequence
    AND records.hash = quarantine.hash
)"""
MAY_GO: Final = """
SELECT position, tenant_id, sequence, hash, length(canonical) FROM records
WHERE may_go AND position > coalesce(
    (SELECT last_position FROM batch_ahead), (SELECT last_position FROM batch), 0
) ORDER BY position LIMIT ?"""
"""Nothing that is sealed."""
