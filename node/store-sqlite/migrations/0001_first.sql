-- Everything a node keeps. Never edited after a release: a change is a new file beside this one.
-- Times are milliseconds since 1970 (UTC). `seq` counts from -9223372036854775808, see columns.rs of vigie-store.

-- The chains: what this node published and what it admitted from others.
CREATE TABLE envelope (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    publisher   BLOB    NOT NULL,
    epoch       INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    hash        BLOB    NOT NULL,
    org         BLOB    NOT NULL,
    kind        INTEGER NOT NULL,
    time_base   INTEGER NOT NULL,
    row_count   INTEGER NOT NULL,
    urgent      INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    bytes       BLOB    NOT NULL,
    UNIQUE (publisher, epoch, seq)
) STRICT;
CREATE INDEX envelope_org ON envelope (org);
CREATE INDEX envelope_received_at ON envelope (received_at);

-- The rows of those chains that are sightings. `org` and `received_at` are the envelope's, repeated for the indexes.
CREATE TABLE sighting (
    envelope     INTEGER NOT NULL REFERENCES envelope (id) ON DELETE CASCADE,
    row          INTEGER NOT NULL,
    org          BLOB    NOT NULL,
    received_at  INTEGER NOT NULL,
    family       TEXT    NOT NULL,
    value        TEXT    NOT NULL,
    behaviour    INTEGER NOT NULL,
    rule         BLOB    NOT NULL,
    at           INTEGER NOT NULL,
    count        INTEGER NOT NULL,
    confidence   INTEGER NOT NULL,
    retracted_at INTEGER,
    PRIMARY KEY (envelope, row)
) STRICT, WITHOUT ROWID;
CREATE INDEX sighting_value ON sighting (value, family, received_at);
CREATE INDEX sighting_received_at ON sighting (received_at);
CREATE INDEX sighting_org ON sighting (org, received_at);

-- What publishers took back. A retraction may arrive before its sighting, since sync brings the newest first.
CREATE TABLE retraction (
    publisher BLOB    NOT NULL,
    epoch     INTEGER NOT NULL,
    seq       INTEGER NOT NULL,
    row       INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (publisher, epoch, seq, row)
) STRICT, WITHOUT ROWID;
CREATE INDEX retraction_at ON retraction (at);

-- Certificates, vouches and revocations, as bytes.
CREATE TABLE statement (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    hash     BLOB    NOT NULL UNIQUE,
    bytes    BLOB    NOT NULL,
    added_at INTEGER NOT NULL
) STRICT;

-- Detections that were acted upon. `events` stays here, whatever is shared.
CREATE TABLE alert (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    detection        BLOB    NOT NULL UNIQUE,
    machine          TEXT    NOT NULL,
    scenario         TEXT    NOT NULL,
    scenario_version TEXT    NOT NULL,
    rule             BLOB    NOT NULL,
    behaviour        INTEGER,
    scope            TEXT    NOT NULL,
    value            TEXT    NOT NULL,
    message          TEXT    NOT NULL,
    events_count     INTEGER NOT NULL,
    capacity         INTEGER NOT NULL,
    leakspeed        TEXT    NOT NULL,
    first_at         INTEGER NOT NULL,
    last_at          INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    simulated        INTEGER NOT NULL,
    remediation      INTEGER NOT NULL,
    labels           TEXT    NOT NULL,
    events           TEXT    NOT NULL,
    share            TEXT    NOT NULL,
    shared_as        TEXT
) STRICT;
CREATE INDEX alert_value ON alert (value);
CREATE INDEX alert_created_at ON alert (created_at);
CREATE INDEX alert_pending ON alert (id) WHERE share = 'pending';

-- What is enforced. `until` is exclusive.
CREATE TABLE decision (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    alert       INTEGER REFERENCES alert (id) ON DELETE SET NULL,
    origin      TEXT    NOT NULL,
    remediation TEXT    NOT NULL,
    scope       TEXT    NOT NULL,
    value       TEXT    NOT NULL,
    scenario    TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    until       INTEGER NOT NULL,
    simulated   INTEGER NOT NULL,
    reason      TEXT    NOT NULL
) STRICT;
CREATE INDEX decision_value ON decision (value);
CREATE INDEX decision_until ON decision (until);
CREATE INDEX decision_alert ON decision (alert) WHERE alert IS NOT NULL;

CREATE TABLE bouncer (
    name         TEXT    PRIMARY KEY,
    key_hash     BLOB    NOT NULL UNIQUE,
    remediations TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    last_seen    INTEGER,
    agent        TEXT    NOT NULL,
    address      TEXT    NOT NULL
) STRICT;

-- How far each instance of a bouncer has read the stream.
CREATE TABLE bouncer_cursor (
    bouncer TEXT    NOT NULL REFERENCES bouncer (name) ON DELETE CASCADE,
    address TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (bouncer, address)
) STRICT, WITHOUT ROWID;

CREATE TABLE allowed (
    net        TEXT    PRIMARY KEY,
    reason     TEXT    NOT NULL,
    author     TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    expires    INTEGER
) STRICT, WITHOUT ROWID;

-- Addresses of our own users.
CREATE TABLE memory (
    ip   TEXT    PRIMARY KEY,
    tier TEXT    NOT NULL,
    at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX memory_at ON memory (at);

CREATE TABLE note (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
