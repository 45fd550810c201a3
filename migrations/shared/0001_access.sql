-- What all ledgers of a database share: who may come in over HTTP. Runs with search_path set to the schema "plumbline".

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'plumbline_app') THEN
        CREATE ROLE plumbline_app NOLOGIN;
        IF NOT pg_has_role('plumbline_app', 'SET') THEN
            GRANT plumbline_app TO CURRENT_USER;
        END IF;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;

DO $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO plumbline_app', current_schema());
END
$$;

-- Migrations that made this schema.
CREATE TABLE migration (
    number     integer     PRIMARY KEY CHECK (number > 0),
    name       text        NOT NULL,
    sha256     bytea       NOT NULL CHECK (octet_length(sha256) = 32),
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- Keys of the API. Only the SHA-256 of a secret is kept: whoever reads this table can't come in with it.
-- ledgers: NULL means every ledger. customer: for the role "customer" the one whose own data the key shows.
CREATE TABLE api_key (
    id            text        PRIMARY KEY,
    secret_sha256 bytea       NOT NULL UNIQUE CHECK (octet_length(secret_sha256) = 32),
    actor         text        NOT NULL,
    role          text        NOT NULL CHECK (role IN ('admin', 'operator', 'auditor', 'service', 'customer')),
    ledgers       text[],
    customer      text,
    created_at    timestamptz NOT NULL DEFAULT now(),
    created_by    text        NOT NULL,
    expires_at    timestamptz,
    revoked_at    timestamptz,
    last_used_at  timestamptz,
    CHECK ((role = 'customer') = (customer IS NOT NULL)),
    CHECK (customer IS NULL OR coalesce(cardinality(ledgers), 0) = 1)
);

-- One random key for all processes, so that a cursor made by one is read by the others.
CREATE TABLE signing_key (
    name  text  PRIMARY KEY,
    value bytea NOT NULL CHECK (octet_length(value) = 32)
);

-- A key is never deleted, and of its row only revocation and last use change.
GRANT SELECT, INSERT ON api_key TO plumbline_app;
GRANT UPDATE (revoked_at, last_used_at) ON api_key TO plumbline_app;
GRANT SELECT, INSERT ON signing_key TO plumbline_app;
GRANT SELECT ON migration TO plumbline_app;
