-- Machines that push alerts and ask as `cscli` does. A token is signed with the row's secret, so it ends with the row.
CREATE TABLE machine (
    name       TEXT    PRIMARY KEY,
    password   TEXT    NOT NULL,
    secret     BLOB    NOT NULL,
    validated  INTEGER NOT NULL,
    publish    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    last_seen  INTEGER,
    agent      TEXT    NOT NULL,
    address    TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
