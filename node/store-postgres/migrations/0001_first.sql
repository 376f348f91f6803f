-- Everything a node keeps. Never edited after a release: a change is a new file beside this one.
-- Times are milliseconds since 1970 (UTC). `seq` counts from -9223372036854775808, see columns.rs of vigie-store.
-- Texts hold no NUL here: U+10FFFD 0 stands for it, U+10FFFD 1 for U+10FFFD, see src/text.rs.

-- The chains: what this node published and what it admitted from others.
CREATE TABLE envelope (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    publisher   BYTEA   NOT NULL,
    epoch       BIGINT  NOT NULL,
    seq         BIGINT  NOT NULL,
    hash        BYTEA   NOT NULL,
    org         BYTEA   NOT NULL,
    kind        BIGINT  NOT NULL,
    time_base   BIGINT  NOT NULL,
    row_count   BIGINT  NOT NULL,
    urgent      BOOLEAN NOT NULL,
    received_at BIGINT  NOT NULL,
    bytes       BYTEA   NOT NULL,
    UNIQUE (publisher, epoch, seq)
);
CREATE INDEX envelope_org ON envelope (org);
CREATE INDEX envelope_received_at ON envelope (received_at);

-- The rows of those chains that are sightings. `org` and `received_at` are the envelope's, repeated for the indexes.
CREATE TABLE sighting (
    envelope     BIGINT  NOT NULL REFERENCES envelope (id) ON DELETE CASCADE,
    row          BIGINT  NOT NULL,
    org          BYTEA   NOT NULL,
    received_at  BIGINT  NOT NULL,
    family       TEXT    NOT NULL,
    value        TEXT    NOT NULL,
    behaviour    BIGINT  NOT NULL,
    rule         BYTEA   NOT NULL,
    at           BIGINT  NOT NULL,
    count        BIGINT  NOT NULL,
    confidence   BIGINT  NOT NULL,
    retracted_at BIGINT,
    PRIMARY KEY (envelope, row)
);
-- Hash indexes where strangers choose the text: a B-tree refuses values above 2.7 KB.
CREATE INDEX sighting_value ON sighting USING hash (value);
CREATE INDEX sighting_received_at ON sighting (received_at);
CREATE INDEX sighting_org ON sighting (org, received_at);

-- What publishers took back. A retraction may arrive before its sighting, since sync brings the newest first.
CREATE TABLE retraction (
    publisher BYTEA   NOT NULL,
    epoch     BIGINT  NOT NULL,
    seq       BIGINT  NOT NULL,
    row       BIGINT  NOT NULL,
    at        BIGINT  NOT NULL,
    PRIMARY KEY (publisher, epoch, seq, row)
);
CREATE INDEX retraction_at ON retraction (at);

-- Certificates, vouches and revocations, as bytes.
CREATE TABLE statement (
    id       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hash     BYTEA   NOT NULL UNIQUE,
    bytes    BYTEA   NOT NULL,
    added_at BIGINT  NOT NULL
);

-- Detections that were acted upon. `events` stays here, whatever is shared.
CREATE TABLE alert (
    id               BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    detection        BYTEA   NOT NULL UNIQUE,
    machine          TEXT    NOT NULL,
    scenario         TEXT    NOT NULL,
    scenario_version TEXT    NOT NULL,
    rule             BYTEA   NOT NULL,
    behaviour        BIGINT,
    scope            TEXT    NOT NULL,
    value            TEXT    NOT NULL,
    message          TEXT    NOT NULL,
    events_count     BIGINT  NOT NULL,
    capacity         BIGINT  NOT NULL,
    leakspeed        TEXT    NOT NULL,
    first_at         BIGINT  NOT NULL,
    last_at          BIGINT  NOT NULL,
    created_at       BIGINT  NOT NULL,
    simulated        BOOLEAN NOT NULL,
    remediation      BOOLEAN NOT NULL,
    labels           TEXT    NOT NULL,
    events           TEXT    NOT NULL,
    share            TEXT    NOT NULL,
    shared_as        TEXT
);
CREATE INDEX alert_value ON alert USING hash (value);
CREATE INDEX alert_created_at ON alert (created_at);
CREATE INDEX alert_pending ON alert (id) WHERE share = 'pending';

-- What is enforced. `until` is exclusive.
CREATE TABLE decision (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert       BIGINT  REFERENCES alert (id) ON DELETE SET NULL,
    origin      TEXT    NOT NULL,
    remediation TEXT    NOT NULL,
    scope       TEXT    NOT NULL,
    value       TEXT    NOT NULL,
    scenario    TEXT    NOT NULL,
    created_at  BIGINT  NOT NULL,
    until       BIGINT  NOT NULL,
    simulated   BOOLEAN NOT NULL,
    reason      TEXT    NOT NULL
);
CREATE INDEX decision_value ON decision USING hash (value);
CREATE INDEX decision_until ON decision (until);
CREATE INDEX decision_alert ON decision (alert) WHERE alert IS NOT NULL;

CREATE TABLE bouncer (
    name         TEXT COLLATE "C" PRIMARY KEY,
    key_hash     BYTEA   NOT NULL UNIQUE,
    remediations TEXT    NOT NULL,
    created_at   BIGINT  NOT NULL,
    last_seen    BIGINT,
    agent        TEXT    NOT NULL,
    address      TEXT    NOT NULL
);

-- How far each instance of a bouncer has read the stream.
CREATE TABLE bouncer_cursor (
    bouncer TEXT COLLATE "C" NOT NULL REFERENCES bouncer (name) ON DELETE CASCADE,
    address TEXT    NOT NULL,
    at      BIGINT  NOT NULL,
    PRIMARY KEY (bouncer, address)
);

CREATE TABLE allowed (
    net        TEXT    PRIMARY KEY,
    reason     TEXT    NOT NULL,
    author     TEXT    NOT NULL,
    created_at BIGINT  NOT NULL,
    expires    BIGINT
);

-- Addresses of our own users.
CREATE TABLE memory (
    ip   TEXT COLLATE "C" PRIMARY KEY,
    tier TEXT    NOT NULL,
    at   BIGINT  NOT NULL
);
CREATE INDEX memory_at ON memory (at);

CREATE TABLE note (
    name  TEXT COLLATE "C" PRIMARY KEY,
    value TEXT NOT NULL
);
