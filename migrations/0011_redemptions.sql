-- What is redeemed and held, in the views of points. (schema.sql shows the whole.) Until now nothing was.

ALTER TABLE balance
    ADD COLUMN redeemed bigint NOT NULL DEFAULT 0,
    ADD COLUMN held     bigint NOT NULL DEFAULT 0 CHECK (held >= 0);
ALTER TABLE balance
    ALTER COLUMN redeemed DROP DEFAULT,
    ALTER COLUMN held DROP DEFAULT;

ALTER TABLE activity ADD COLUMN redeemed bigint NOT NULL DEFAULT 0;
ALTER TABLE activity ALTER COLUMN redeemed DROP DEFAULT;

ALTER TABLE points_month ADD COLUMN redeemed bigint NOT NULL DEFAULT 0;
ALTER TABLE points_month ALTER COLUMN redeemed DROP DEFAULT;
