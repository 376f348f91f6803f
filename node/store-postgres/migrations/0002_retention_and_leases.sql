-- Bodies go before headers, and several processes may share a database.

-- What retention counts from: the signed time or the arrival, whichever is earlier. So a time signed ahead keeps nothing
-- longer, and what comes again by sync is not new again.
ALTER TABLE envelope ADD COLUMN dated BIGINT NOT NULL DEFAULT 0;
UPDATE envelope SET dated = LEAST(time_base, received_at);
-- Whether the body is gone. Header and signature stay longer.
ALTER TABLE envelope ADD COLUMN erased BOOLEAN NOT NULL DEFAULT FALSE;
DROP INDEX envelope_received_at;
CREATE INDEX envelope_dated ON envelope (dated);
CREATE INDEX envelope_body ON envelope (dated) WHERE NOT erased;

-- Detections whose alert is gone: a log that is read again does not repeat them.
CREATE TABLE detection (
    id BYTEA  PRIMARY KEY,
    at BIGINT NOT NULL
);
CREATE INDEX detection_at ON detection (at);

-- Notes of one process ('' for everybody's).
ALTER TABLE note ADD COLUMN owner TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE note DROP CONSTRAINT note_pkey;
ALTER TABLE note ADD PRIMARY KEY (owner, name);

-- Who publishes on a chain. Rows are never deleted: tokens only rise.
CREATE TABLE lease (
    publisher BYTEA  PRIMARY KEY,
    holder    TEXT   NOT NULL,
    life      BIGINT  NOT NULL,
    token     BIGINT NOT NULL,
    until     BIGINT NOT NULL
);
