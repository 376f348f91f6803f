-- What each client of the Local API said last of what it does. It goes with the client.
CREATE TABLE bouncer_report (
    name TEXT COLLATE "C" PRIMARY KEY REFERENCES bouncer (name) ON DELETE CASCADE,
    at   BIGINT  NOT NULL,
    body TEXT    NOT NULL
);
CREATE TABLE machine_report (
    name TEXT COLLATE "C" PRIMARY KEY REFERENCES machine (name) ON DELETE CASCADE,
    at   BIGINT  NOT NULL,
    body TEXT    NOT NULL
);
