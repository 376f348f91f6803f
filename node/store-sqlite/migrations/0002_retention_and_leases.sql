-- Bodies go before headers, and several processes may share a database.

-- What retention counts from: the signed time or the arrival, whichever is earlier. So a time signed ahead keeps nothing
-- longer, and what comes again by sync is not new again.
ALTER TABLE envelope ADD COLUMN dated INTEGER NOT NULL DEFAULT 0;
UPDATE envelope SET dated = MIN(time_base, received_at);
-- Whether the body is gone. Header and signature stay longer.
ALTER TABLE envelope ADD COLUMN erased INTEGER NOT NULL DEFAULT 0;
DROP INDEX envelope_received_at;
CREATE INDEX envelope_dated ON envelope (dated);
CREATE INDEX envelope_body ON envelope (dated) WHERE NOT erased;

-- Detections whose alert is gone: a log that is read again does not repeat them.
CREATE TABLE detection (
    id BLOB    PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX detection_at ON detection (at);

-- Notes of one process ('' for everybody's).
CREATE TABLE owned_note (
    owner TEXT NOT NULL,
    name  TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner, name)
) STRICT, WITHOUT ROWID;
INSERT INTO owned_note (owner, name, value) SELECT '', name, value FROM note;
DROP TABLE note;
ALTER TABLE owned_note RENAME TO note;

-- Who publishes on a chain. Rows are never deleted: tokens only rise.
CREATE TABLE lease (
    publisher BLOB    PRIMARY KEY,
    holder    TEXT    NOT NULL,
    life      INTEGER NOT NULL,
    token     INTEGER NOT NULL,
    until     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
