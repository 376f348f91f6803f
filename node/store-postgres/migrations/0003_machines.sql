-- Machines that push alerts and ask as `cscli` does. A token is signed with the row's secret, so it ends with the row.
CREATE TABLE machine (
    name       TEXT COLLATE "C" PRIMARY KEY,
    password   TEXT    NOT NULL,
    secret     BYTEA   NOT NULL,
    validated  BOOLEAN NOT NULL,
    publish    BOOLEAN NOT NULL,
    created_at BIGINT  NOT NULL,
    last_seen  BIGINT,
    agent      TEXT    NOT NULL,
    address    TEXT    NOT NULL
);
