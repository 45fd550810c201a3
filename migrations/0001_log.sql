-- The append-only log of one ledger: events, head, stored answers, facts known, and the one function that appends.
-- Runs with search_path set to the ledger's schema, which becomes that of the functions too.

-- ---------------------------------------------------------------------------------------------------------------------
-- Role. The application's connections do SET ROLE plumbline_app, whatever they log in as. Roles belong to the whole
-- server, not to one database, so another ledger may create it at the same moment: whoever comes second finds it there.
-- ---------------------------------------------------------------------------------------------------------------------

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

-- ---------------------------------------------------------------------------------------------------------------------
-- Refusal. What is written stays written, for the superuser too: the trigger functions of append-only tables.
-- ---------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION change_refuse() RETURNS trigger
LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$
BEGIN
    RAISE EXCEPTION '% of table "%" is refused: it is append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'feature_not_supported',
              HINT = 'Record a correction as a new event instead.';
END
$$;

CREATE FUNCTION head_forward_only() RETURNS trigger
LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$
BEGIN
    IF NEW.position <= OLD.position THEN
        RAISE EXCEPTION 'head cannot move from position % to %: it only moves forward', OLD.position, NEW.position
            USING ERRCODE = 'feature_not_supported',
                  HINT = 'Positions are handed out by log_append alone; do not set the head by hand.';
    END IF;
    RETURN NEW;
END
$$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Migrations that made this schema.
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE migration (
    number     integer     PRIMARY KEY CHECK (number > 0),
    name       text        NOT NULL,
    sha256     bytea       NOT NULL CHECK (octet_length(sha256) = 32),
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- ---------------------------------------------------------------------------------------------------------------------
-- The log.
-- ---------------------------------------------------------------------------------------------------------------------

-- Every event, for ever. notification_id is the position: 1, 2, 3 … without a gap, in the order of the commits. (The
-- column names are those of the eventsourcing library, which reads this table too.)
CREATE TABLE event (
    notification_id    bigint NOT NULL CONSTRAINT event_position_key UNIQUE CHECK (notification_id > 0),
    originator_id      text   NOT NULL,
    originator_version bigint NOT NULL,
    topic              text   NOT NULL,
    state              bytea  NOT NULL,
    PRIMARY KEY (originator_id, originator_version)
);

-- The position of the last event, 0 while there is none: one row, locked by whoever appends.
CREATE TABLE head (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint  NOT NULL CHECK (position >= 0)
);
INSERT INTO head (position) VALUES (0);

-- The first answer to each request that carried an idempotency key, kept for ever. position: the log's as of that answer.
CREATE TABLE answer (
    client         text   NOT NULL,
    key            text   NOT NULL,
    request_sha256 bytea  NOT NULL CHECK (octet_length(request_sha256) = 32),
    body           bytea  NOT NULL,
    position       bigint NOT NULL CHECK (position >= 0),
    PRIMARY KEY (client, key)
);

-- Every version of every fact: the same content twice is one fact, other content is a correction. key: the first 16
-- bytes of SHA-256 of source, NUL, external id. position: that of the event which records this version.
CREATE TABLE fact (
    key            uuid    NOT NULL,
    version        integer NOT NULL CHECK (version > 0),
    content_sha256 bytea   NOT NULL CHECK (octet_length(content_sha256) = 32),
    position       bigint  NOT NULL CHECK (position > 0),
    PRIMARY KEY (key, version)
);

-- Always: not even a session that replays as a replica (session_replication_role) passes by.
CREATE TRIGGER change_refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON migration EXECUTE FUNCTION change_refuse();
CREATE TRIGGER change_refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON event     EXECUTE FUNCTION change_refuse();
CREATE TRIGGER change_refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON answer    EXECUTE FUNCTION change_refuse();
CREATE TRIGGER change_refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON fact      EXECUTE FUNCTION change_refuse();
CREATE TRIGGER change_refuse BEFORE DELETE OR TRUNCATE           ON head      EXECUTE FUNCTION change_refuse();
CREATE TRIGGER forward_only  BEFORE UPDATE ON head FOR EACH ROW EXECUTE FUNCTION head_forward_only();
ALTER TABLE migration ENABLE ALWAYS TRIGGER change_refuse;
ALTER TABLE event     ENABLE ALWAYS TRIGGER change_refuse;
ALTER TABLE answer    ENABLE ALWAYS TRIGGER change_refuse;
ALTER TABLE fact      ENABLE ALWAYS TRIGGER change_refuse;
ALTER TABLE head      ENABLE ALWAYS TRIGGER change_refuse;
ALTER TABLE head      ENABLE ALWAYS TRIGGER forward_only;

-- ---------------------------------------------------------------------------------------------------------------------
-- Appending: the only way in, one call for a whole batch. The arrays of a group run in parallel; NULL is as empty.
--
-- outcome 'appended': everything was stored, the events at position_first … position_last (last < first: no events).
-- outcome 'known':    some answer key, or a version of some fact not older than one given, is there already. Nothing
--                     was stored; known_* are all stored answers among the given keys, and all stored versions of the
--                     facts concerned. Told before 'moved', so that a repeated request finds its first answer.
-- outcome 'moved':    position_expected (unless NULL) is not the head. Nothing was stored.
-- position_head is the head afterwards.
--
-- The head's row lock, held until the commit, puts appends in line: commit order is position order, a rollback gives its
-- positions back, and a reader sees no gap. The checks run in statements after the lock, so they see what the appends
-- before committed. Subscribers are woken on the channel named like the schema, with the head as payload.
-- ---------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION log_append(
    event_originator_id text[], event_originator_version bigint[], event_topic text[], event_state bytea[],
    position_expected bigint,
    answer_client text[], answer_key text[], answer_request_sha256 bytea[], answer_body bytea[],
    answer_position bigint[],
    fact_key uuid[], fact_version integer[], fact_content_sha256 bytea[], fact_position bigint[],
    OUT outcome text, OUT position_first bigint, OUT position_last bigint, OUT position_head bigint,
    OUT known_answer_client text[], OUT known_answer_key text[], OUT known_answer_request_sha256 bytea[],
    OUT known_answer_body bytea[], OUT known_answer_position bigint[],
    OUT known_fact_key uuid[], OUT known_fact_version integer[], OUT known_fact_content_sha256 bytea[],
    OUT known_fact_position bigint[]
)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path FROM CURRENT
-- The look-ups must go by the primary keys even when planned while the tables were still empty.
SET enable_seqscan = off
AS $$
DECLARE
    position_before bigint;
    event_count     bigint;
    known           boolean := false;
BEGIN
    SELECT h.position INTO STRICT position_before FROM head h FOR UPDATE;
    position_head := position_before;

    -- LATERAL … LIMIT 1: one probe of the index per key given, whatever the planner believes about sizes.
    IF cardinality(answer_key) > 0 THEN
        known := EXISTS (
            SELECT FROM unnest(answer_client, answer_key) AS given (client, key)
            CROSS JOIN LATERAL (
                SELECT FROM answer a WHERE a.client = given.client AND a.key = given.key LIMIT 1
            ) AS stored
        );
    END IF;
    IF cardinality(fact_key) > 0 AND NOT known THEN
        known := EXISTS (
            SELECT FROM unnest(fact_key, fact_version) AS given (key, version)
            CROSS JOIN LATERAL (
                SELECT FROM fact f WHERE f.key = given.key AND f.version >= given.version LIMIT 1
            ) AS stored
        );
    END IF;

    IF known THEN
        SELECT array_agg(a.client), array_agg(a.key), array_agg(a.request_sha256), array_agg(a.body),
               array_agg(a.position)
        INTO known_answer_client, known_answer_key, known_answer_request_sha256, known_answer_body,
             known_answer_position
        FROM (SELECT DISTINCT * FROM unnest(answer_client, answer_key) AS pair (client, key)) AS given
        CROSS JOIN LATERAL (
            SELECT * FROM answer s WHERE s.client = given.client AND s.key = given.key LIMIT 1
        ) AS a;

        SELECT array_agg(f.key), array_agg(f.version), array_agg(f.content_sha256), array_agg(f.position)
        INTO known_fact_key, known_fact_version, known_fact_content_sha256, known_fact_position
        FROM (
            SELECT pair.key, min(pair.version) AS version
            FROM unnest(fact_key, fact_version) AS pair (key, version) GROUP BY pair.key
        ) AS given
        CROSS JOIN LATERAL (
            SELECT * FROM fact s
            WHERE s.key = given.key
              AND EXISTS (SELECT FROM fact t WHERE t.key = given.key AND t.version >= given.version)
            ORDER BY s.version
        ) AS f;

        outcome := 'known';
        RETURN;
    END IF;

    IF position_expected <> position_before THEN
        outcome := 'moved';
        RETURN;
    END IF;

    INSERT INTO event (notification_id, originator_id, originator_version, topic, state)
    SELECT position_before + given.ordinality, given.originator_id, given.originator_version, given.topic, given.state
    FROM unnest(event_originator_id, event_originator_version, event_topic, event_state)
        WITH ORDINALITY AS given (originator_id, originator_version, topic, state, ordinality)
    ORDER BY given.originator_id, given.originator_version;  -- as the primary key lies: a tenth less work
    GET DIAGNOSTICS event_count = ROW_COUNT;
    position_first := position_before + 1;
    position_last  := position_before + event_count;
    position_head  := position_last;

    IF event_count > 0 THEN
        UPDATE head SET position = position_last;
        PERFORM pg_notify(current_schema(), position_last::text);
    END IF;
    IF cardinality(answer_key) > 0 THEN
        INSERT INTO answer (client, key, request_sha256, body, position)
        SELECT * FROM unnest(answer_client, answer_key, answer_request_sha256, answer_body, answer_position);
    END IF;
    IF cardinality(fact_key) > 0 THEN
        INSERT INTO fact (key, version, content_sha256, position)
        SELECT * FROM unnest(fact_key, fact_version, fact_content_sha256, fact_position);
    END IF;
    outcome := 'appended';
END
$$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Grants. The application reads the log, and writes to it through log_append, which runs as the schema's owner: so no
-- mistake in the application can change an event, or store one at a position of its own choosing.
-- ---------------------------------------------------------------------------------------------------------------------

REVOKE EXECUTE ON FUNCTION log_append FROM PUBLIC;
GRANT EXECUTE ON FUNCTION log_append TO plumbline_app;
GRANT SELECT ON migration, event, head, answer, fact TO plumbline_app;
