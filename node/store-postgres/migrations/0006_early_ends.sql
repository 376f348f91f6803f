-- When a decision that was ended early would have ended: who was told of it may enforce it until then.
ALTER TABLE decision ADD COLUMN planned BIGINT;
CREATE INDEX decision_planned ON decision (planned) WHERE planned IS NOT NULL;
