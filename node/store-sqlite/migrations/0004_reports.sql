-- What each client of the Local API said last of what it does. It goes with the client.
CREATE TABLE bouncer_report (
    name TEXT PRIMARY KEY REFERENCES bouncer (name) ON DELETE CASCADE,
    at   INTEGER NOT NULL,
    body TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE machine_report (
    name TEXT PRIMARY KEY REFERENCES machine (name) ON DELETE CASCADE,
    at   INTEGER NOT NULL,
    body TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
