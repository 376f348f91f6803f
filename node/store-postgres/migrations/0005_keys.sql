-- Keys of bouncers end, may be limited to scopes, and have successors: the one before is good for a while.
ALTER TABLE bouncer ADD COLUMN scopes TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE bouncer ADD COLUMN expires BIGINT;
ALTER TABLE bouncer ADD COLUMN former_hash BYTEA;
ALTER TABLE bouncer ADD COLUMN former_until BIGINT;
CREATE INDEX bouncer_former ON bouncer (former_hash);
