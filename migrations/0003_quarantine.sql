-- Rows of imported files that were refused, kept until a person has mended or dismissed them. Not part of the log:
-- nothing here has happened. raw: the row's cells by header, as they stood in the file; the same row of the same source
-- is kept once, whatever file or encoding it came in. A row is open until it is resolved, and is never removed.
CREATE TABLE quarantine (
    id             bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source         text        NOT NULL,
    row_sha256     bytea       NOT NULL CHECK (octet_length(row_sha256) = 32),
    file           text        NOT NULL,
    row            bigint      NOT NULL CHECK (row > 0),
    field          text        NOT NULL,
    reason         text        NOT NULL,
    raw            jsonb       NOT NULL,
    mapping        text        NOT NULL,
    mapping_sha256 bytea       NOT NULL CHECK (octet_length(mapping_sha256) = 32),
    actor          text        NOT NULL,
    recorded_at    timestamptz NOT NULL,
    resolved_at    timestamptz,
    resolution     text,
    CONSTRAINT quarantine_row_key UNIQUE (source, row_sha256),
    CONSTRAINT quarantine_resolved_whole CHECK ((resolved_at IS NULL) = (resolution IS NULL))
);
CREATE INDEX quarantine_open ON quarantine (id) WHERE resolved_at IS NULL;

GRANT SELECT, INSERT, UPDATE ON quarantine TO plumbline_app;
