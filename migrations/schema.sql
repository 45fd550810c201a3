-- The schema of one ledger, whole: where all the numbered migrations together arrive. This file is for reading and is
-- not run by the product; a test applies it and the migrations and proves that the two catalogs are equal.
-- Everything is relative to the schema of the ledger.
--
-- Sections: role · refusal · migrations · the log · appending · grants · projections · quarantine

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

-- ---------------------------------------------------------------------------------------------------------------------
-- Views: how far each has followed, and the tables it fills.
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE view (
    name       text        PRIMARY KEY,
    position   bigint      NOT NULL CHECK (position >= 0),
    status     text        NOT NULL CHECK (status IN ('running', 'failed')),
    error      text        CHECK ((status = 'failed') = (error IS NOT NULL)),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE view_table (
    name text PRIMARY KEY,
    view text NOT NULL
);
INSERT INTO view_table (name, view) VALUES
    ('customer', 'customers'), ('customer_reference', 'customers'),
    ('balance', 'balances'), ('lot', 'balances'),
    ('tier', 'tiers'), ('earned', 'tiers'),
    ('history', 'history');

-- ---------------------------------------------------------------------------------------------------------------------
-- customers: who they are now. position: of the event that last changed the row, in all tables here.
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE customer (
    number        bigint PRIMARY KEY CHECK (number > 0),
    name          text   NOT NULL,
    industry      text   NOT NULL,
    region        text   NOT NULL,
    customer_type text   NOT NULL,
    scale         text   NOT NULL,
    consents      text[] NOT NULL,
    registered    bigint NOT NULL,
    position      bigint NOT NULL
);

CREATE TABLE customer_reference (
    source    text   NOT NULL,
    reference text   NOT NULL,
    customer  bigint NOT NULL,
    PRIMARY KEY (source, reference)
);
CREATE INDEX ON customer_reference (customer);

-- ---------------------------------------------------------------------------------------------------------------------
-- balances: points in 1/100. balance = sum of the lots - debt = granted + deducted + reversed + expired, where all but
-- granted are as they were decided: deducted and expired never positive, reversed of either sign.
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE balance (
    customer bigint PRIMARY KEY,
    balance  bigint NOT NULL,
    debt     bigint NOT NULL CHECK (debt >= 0),
    granted  bigint NOT NULL,
    deducted bigint NOT NULL,
    reversed bigint NOT NULL,
    expired  bigint NOT NULL,
    position bigint NOT NULL
);

-- What expires at the end of a month (counted from 1970-01), -1: never.
CREATE TABLE lot (
    customer     bigint  NOT NULL,
    expiry_month integer NOT NULL CHECK (expiry_month >= -1),
    points       bigint  NOT NULL CHECK (points > 0),
    PRIMARY KEY (customer, expiry_month)
);

-- ---------------------------------------------------------------------------------------------------------------------
-- tiers: tier, grade and tags as last decided, NULL and empty where none was, and the points earned by booked month.
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE tier (
    customer   bigint PRIMARY KEY,
    tier       text,
    tier_since timestamptz,
    tier_cause bigint NOT NULL,
    grade      text,
    tags       text[] NOT NULL,
    position   bigint NOT NULL
);

CREATE TABLE earned (
    customer bigint  NOT NULL,
    month    integer NOT NULL,
    points   bigint  NOT NULL,
    PRIMARY KEY (customer, month)
);

-- ---------------------------------------------------------------------------------------------------------------------
-- history: every event in a customer's stream. points: what it moved, NULL where it moves none; balance: afterwards.
-- booked_on: of facts and of all that moves points; what expires is booked on the day it does.
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE history (
    customer    bigint      NOT NULL,
    position    bigint      NOT NULL,
    topic       text        NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    booked_on   date,
    actor       text        NOT NULL,
    cause       bigint      NOT NULL,
    rule        text,
    rule_set    text,
    points      bigint,
    balance     bigint      NOT NULL,
    PRIMARY KEY (customer, position)
);

-- ---------------------------------------------------------------------------------------------------------------------
-- Rebuilding: the tables of one view made empty in a schema beside this one, and put in the place of the old ones. The
-- $ keeps that schema's name apart from every ledger's.
-- ---------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION view_shadow_schema() RETURNS text
LANGUAGE sql STABLE
SET search_path FROM CURRENT
AS $$
    SELECT 'shadow$' || current_schema()::regnamespace::oid
$$;

CREATE FUNCTION view_shadow_create(view_name text) RETURNS text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path FROM CURRENT
SET client_min_messages = warning
AS $$
DECLARE
    shadow  text := view_shadow_schema();
    entries text[] := ARRAY(SELECT t.name FROM view_table t WHERE t.view = view_name ORDER BY t.name);
    entry   text;
BEGIN
    IF cardinality(entries) = 0 THEN
        RAISE EXCEPTION 'view "%" has no tables', view_name USING ERRCODE = 'undefined_object';
    END IF;
    EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I', shadow);
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO plumbline_app', shadow);
    FOREACH entry IN ARRAY entries LOOP
        EXECUTE format('DROP TABLE IF EXISTS %I.%I', shadow, entry);
        EXECUTE format('CREATE TABLE %I.%I (LIKE %I INCLUDING ALL)', shadow, entry, entry);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I.%I TO plumbline_app', shadow, entry);
    END LOOP;
    RETURN shadow;
END
$$;

CREATE FUNCTION view_shadow_swap(view_name text) RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path FROM CURRENT
AS $$
DECLARE
    shadow text := view_shadow_schema();
    entry  text;
BEGIN
    FOR entry IN SELECT t.name FROM view_table t WHERE t.view = view_name ORDER BY t.name LOOP
        EXECUTE format('DROP TABLE %I', entry);
        EXECUTE format('ALTER TABLE %I.%I SET SCHEMA %I', shadow, entry, current_schema());
    END LOOP;
END
$$;

REVOKE EXECUTE ON FUNCTION view_shadow_create, view_shadow_swap FROM PUBLIC;
GRANT EXECUTE ON FUNCTION view_shadow_create, view_shadow_swap TO plumbline_app;
GRANT SELECT, INSERT, UPDATE ON view TO plumbline_app;
GRANT SELECT ON view_table TO plumbline_app;
GRANT SELECT, INSERT, UPDATE, DELETE
    ON customer, customer_reference, balance, lot, tier, earned, history TO plumbline_app;

-- ---------------------------------------------------------------------------------------------------------------------
-- search: customers by any part of their name, of its pinyin, or of the initials of its pinyin.
-- ---------------------------------------------------------------------------------------------------------------------

-- name_folded: without spaces and brackets, one width, one case. grams: what an index can find parts by: single
-- characters and pairs of the name (n:), triples of the pinyin (p:), pairs of the initials (i:).
CREATE TABLE customer_search (
    customer    bigint PRIMARY KEY CHECK (customer > 0),
    name_folded text   NOT NULL,
    pinyin      text   NOT NULL,
    initials    text   NOT NULL,
    grams       text[] NOT NULL
);
CREATE INDEX customer_search_grams_idx ON customer_search USING gin (grams);

INSERT INTO view_table (name, view) VALUES ('customer_search', 'search');

GRANT SELECT, INSERT, UPDATE, DELETE ON customer_search TO plumbline_app;

-- ---------------------------------------------------------------------------------------------------------------------
-- activity: what a customer did in a month, by the month it was booked in. Points in 1/100, contribution in fen, hours
-- and scores in tenths. granted and deducted are net of what corrections took back; months are counted from 1970-01.
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE activity (
    customer         bigint  NOT NULL,
    month            integer NOT NULL,
    facts            bigint  NOT NULL,
    contracts        bigint  NOT NULL,
    contribution     bigint  NOT NULL,
    projects         bigint  NOT NULL,
    complaints       bigint  NOT NULL,
    complaints_major bigint  NOT NULL,
    responses        bigint  NOT NULL,
    responses_prompt bigint  NOT NULL,
    response_hours   bigint  NOT NULL,
    answers          bigint  NOT NULL,
    answers_content  bigint  NOT NULL,
    satisfaction     bigint  NOT NULL,
    scores           bigint  NOT NULL,
    score            bigint  NOT NULL,
    granted          bigint  NOT NULL,
    deducted         bigint  NOT NULL,
    expired          bigint  NOT NULL,
    PRIMARY KEY (customer, month)
);
CREATE INDEX activity_month_idx ON activity (month);

-- The latest day on which any fact of the customer was booked.
CREATE TABLE activity_last (
    customer bigint  PRIMARY KEY,
    day      integer NOT NULL
);

-- Days on which a customer lost points (net of what was given back) or filed complaints.
CREATE TABLE incident (
    customer   bigint  NOT NULL,
    day        integer NOT NULL,
    lost       bigint  NOT NULL,
    complaints bigint  NOT NULL,
    PRIMARY KEY (customer, day)
);
CREATE INDEX incident_day_idx ON incident (day);

-- All customers together, as it was decided: granted above zero, deducted and expired below, reversed of either sign.
CREATE TABLE points_month (
    month    integer PRIMARY KEY,
    granted  bigint  NOT NULL,
    deducted bigint  NOT NULL,
    reversed bigint  NOT NULL,
    expired  bigint  NOT NULL,
    debt     bigint  NOT NULL
);

-- ---------------------------------------------------------------------------------------------------------------------
-- campaigns: rules with effective dates, and what they came to; points net of what corrections took back.
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE campaign (
    rule_set       text   NOT NULL,
    rule           text   NOT NULL,
    title_zh       text   NOT NULL,
    title_en       text   NOT NULL,
    effective_from date,
    effective_to   date,
    proposed       bigint NOT NULL,
    PRIMARY KEY (rule_set, rule)
);

CREATE TABLE campaign_customer (
    rule_set       text   NOT NULL,
    rule           text   NOT NULL,
    customer       bigint NOT NULL,
    awards         bigint NOT NULL,
    points         bigint NOT NULL,
    position_first bigint NOT NULL,
    position_last  bigint NOT NULL,
    PRIMARY KEY (rule_set, rule, customer)
);

CREATE TABLE campaign_month (
    rule_set text    NOT NULL,
    rule     text    NOT NULL,
    month    integer NOT NULL,
    awards   bigint  NOT NULL,
    points   bigint  NOT NULL,
    PRIMARY KEY (rule_set, rule, month)
);

INSERT INTO view_table (name, view) VALUES
    ('activity', 'activity'), ('activity_last', 'activity'), ('incident', 'activity'), ('points_month', 'activity'),
    ('campaign', 'campaigns'), ('campaign_customer', 'campaigns'), ('campaign_month', 'campaigns');

GRANT SELECT, INSERT, UPDATE, DELETE
    ON activity, activity_last, incident, points_month, campaign, campaign_customer, campaign_month TO plumbline_app;

-- ---------------------------------------------------------------------------------------------------------------------
-- Jobs: long work that was asked for over HTTP. Not part of the log: what an import records is there, the job only says
-- how it went.
-- ---------------------------------------------------------------------------------------------------------------------

-- result: what came of it, NULL until it is done; error: code and reason where it failed. beat_at: when its process
-- last said that it lives; a job that runs without a beat was lost with its process. client, key: under which
-- Idempotency-Key of which key of the API it was asked for; the same again is the same job.
CREATE TABLE job (
    id             text        PRIMARY KEY,
    kind           text        NOT NULL CHECK (kind IN ('replay', 'import', 'rebuild')),
    state          text        NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    request        jsonb       NOT NULL,
    created_by     text        NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    started_at     timestamptz,
    finished_at    timestamptz,
    beat_at        timestamptz NOT NULL DEFAULT now(),
    progress_done  bigint      NOT NULL DEFAULT 0,
    progress_of    bigint      NOT NULL DEFAULT 0,
    cancelling     boolean     NOT NULL DEFAULT false,
    result         jsonb,
    error          jsonb,
    client         text,
    key            text,
    request_sha256 bytea       CHECK (octet_length(request_sha256) = 32),
    CONSTRAINT job_key_whole CHECK (num_nulls(client, key, request_sha256) IN (0, 3))
);
CREATE INDEX job_kind_created_at_id_idx ON job (kind, created_at DESC, id DESC);
CREATE UNIQUE INDEX job_client_key ON job (client, key);

-- The longer part of a result, row by row: customers that a replay changes, rows that an import refused.
CREATE TABLE job_row (
    job    text   NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    number bigint NOT NULL CHECK (number > 0),
    row    jsonb  NOT NULL,
    PRIMARY KEY (job, number)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON job, job_row TO plumbline_app;

-- ---------------------------------------------------------------------------------------------------------------------
-- Quarantine.
-- ---------------------------------------------------------------------------------------------------------------------

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

-- Mapping documents that came with a file and refused rows of it: by them these are tried again. As text, for the order
-- of the columns tells which one a row is refused for.
CREATE TABLE mapping_document (
    sha256   bytea PRIMARY KEY CHECK (octet_length(sha256) = 32),
    document json  NOT NULL
);

GRANT SELECT, INSERT ON mapping_document TO plumbline_app;
