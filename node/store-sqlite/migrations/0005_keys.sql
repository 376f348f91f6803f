-- Keys of bouncers end, may be limited to scopes, and have successors: the one before is good for a while.
ALTER TABLE bouncer ADD COLUMN scopes TEXT NOT NULL DEFAULT '';
ALTER TABLE bouncer ADD COLUMN expires INTEGER;
ALTER TABLE bouncer ADD COLUMN former_hash BLOB;
ALTER TABLE bouncer ADD COLUMN former_until INTEGER;
CREATE INDEX bouncer_former ON bouncer (former_hash);
