-- Long work that was asked for over HTTP: replays, imports, rebuilds of views. Not part of the log: what an import
-- records is there, the job only says how it went. (schema.sql shows the whole.)

-- result: what came of it, NULL until it is done; error: code and reason where it failed. beat_at: when its process
-- last said that it lives; a job that runs without a beat was lost with its process.
CREATE TABLE job (
    id            text        PRIMARY KEY,
    kind          text        NOT NULL CHECK (kind IN ('replay', 'import', 'rebuild')),
    state         text        NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    request       jsonb       NOT NULL,
    created_by    text        NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    started_at    timestamptz,
    finished_at   timestamptz,
    beat_at       timestamptz NOT NULL DEFAULT now(),
    progress_done bigint      NOT NULL DEFAULT 0,
    progress_of   bigint      NOT NULL DEFAULT 0,
    cancelling    boolean     NOT NULL DEFAULT false,
    result        jsonb,
    error         jsonb
);
CREATE INDEX job_kind_created_at_id_idx ON job (kind, created_at DESC, id DESC);

-- The longer part of a result, row by row: customers that a replay changes, rows that an import refused.
CREATE TABLE job_row (
    job    text   NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    number bigint NOT NULL CHECK (number > 0),
    row    jsonb  NOT NULL,
    PRIMARY KEY (job, number)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON job, job_row TO plumbline_app;
