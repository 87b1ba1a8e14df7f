-- The audit spool, version 4. Every change is a new version: an older AxonFlow refuses to open a newer file.

CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- What no store has yet. `position` is the order in which all tenants' records were appended; none is given twice. What
-- was recorded behind an answer `may_go` when there is no room, where the operator has chosen so.
CREATE TABLE records (
    position INTEGER PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    previous BLOB NOT NULL,
    hash BLOB NOT NULL,
    canonical BLOB NOT NULL,
    may_go INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX records_by_chain ON records (tenant_id, sequence);

-- The last discarded record of each chain: where the chain goes on when none of it is held. Written when records are
-- discarded, not when they are appended: that would touch one more page for each tenant of a batch.
CREATE TABLE heads (tenant_id TEXT PRIMARY KEY, sequence INTEGER NOT NULL, hash BLOB NOT NULL) WITHOUT ROWID;

-- The batch that comes next, and what it names as its predecessor. Once it is sealed, `statement` is there, and the batch
-- is all records up to `last_position`, until a store has it: so it is the same whenever it is offered. No record that was
-- let go of had a position beyond `reached`.
CREATE TABLE batch (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    number INTEGER NOT NULL,
    previous BLOB NOT NULL,
    statement BLOB,
    signature BLOB,
    last_position INTEGER,
    reached INTEGER NOT NULL DEFAULT 0
);
INSERT INTO batch (id, number, previous) VALUES (0, 0, zeroblob(32));

-- What may go, to be found when there is no room.
CREATE INDEX records_that_may_go ON records (position) WHERE may_go;

-- What a store refused for good, or cannot be read, with the reason: for a person to look at. What was never in a chain
-- has the sequence -1.
CREATE TABLE quarantine (
    position INTEGER PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    previous BLOB NOT NULL,
    hash BLOB NOT NULL,
    canonical BLOB NOT NULL,
    reason TEXT NOT NULL
);

-- Keys of persons that no store has yet, wrapped: on the disk together with the first record that is sealed with each.
CREATE TABLE person_key (
    tenant_id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    tag BLOB NOT NULL,
    wrapped BLOB NOT NULL,
    created_us INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, key_id)
) WITHOUT ROWID;

-- The batch behind the one that is sealed, once it is sealed as well: all records behind those, up to `last_position`. It
-- may be offered before that one is let go of, and is next once that is.
CREATE TABLE batch_ahead (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    statement BLOB NOT NULL,
    signature BLOB NOT NULL,
    last_position INTEGER NOT NULL
);
