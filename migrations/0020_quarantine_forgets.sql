-- A row of the quarantine that is resolved gives up its cells, names and phones among them; by its digest the same row is
-- known again. One that is purged gives up the digest, too. (schema.sql shows the whole.)

ALTER TABLE quarantine ALTER COLUMN row_sha256 DROP NOT NULL;

-- Resolutions told which cells were exchanged for which.
UPDATE quarantine
SET raw = '{}',
    resolution = regexp_replace(resolution, '^((accepted|duplicate|corrected) at position [0-9]+ by [^;]*);.*$', '\1')
WHERE resolved_at IS NOT NULL;

ALTER TABLE quarantine ADD CONSTRAINT quarantine_resolved_empty CHECK (resolved_at IS NULL OR raw = '{}');
ALTER TABLE quarantine ADD CONSTRAINT quarantine_open_known CHECK (resolved_at IS NOT NULL OR row_sha256 IS NOT NULL);
ALTER TABLE quarantine SET (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0);
