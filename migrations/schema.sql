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
    ('tier', 'tiers'), ('earned', 'tiers'), ('ladder_window', 'tiers'),
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
    position bigint NOT NULL,
    redeemed bigint NOT NULL,
    held     bigint NOT NULL CHECK (held >= 0)
);

-- What expires at the end of a month (counted from 1970-01), -1: never.
CREATE TABLE lot (
    customer     bigint  NOT NULL,
    expiry_month integer NOT NULL CHECK (expiry_month >= -1),
    points       bigint  NOT NULL CHECK (points > 0),
    PRIMARY KEY (customer, expiry_month)
);

-- ---------------------------------------------------------------------------------------------------------------------
-- tiers: tier, grade and tags as last decided, NULL and empty where none was, and the points earned by booked month. A tier
-- without tier_since is the one that the first fact put the customer on.
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

-- window_months: how long the window is that the ladder of the granting rule set counts by; 0: a lifetime, or no ladder.
CREATE TABLE earned (
    customer      bigint   NOT NULL,
    month         integer  NOT NULL,
    window_months smallint NOT NULL,
    points        bigint   NOT NULL,
    PRIMARY KEY (customer, month, window_months)
);

CREATE TABLE ladder_window (
    rule_set      text     PRIMARY KEY,
    window_months smallint NOT NULL
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
    ON customer, customer_reference, balance, lot, tier, earned, ladder_window, history TO plumbline_app;

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
    redeemed         bigint  NOT NULL,
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

-- All customers together, by the month in which it was posted: granted above zero, deducted and expired below, reversed of
-- either sign; redeemed below, net of what came back.
CREATE TABLE points_month (
    month    integer PRIMARY KEY,
    granted  bigint  NOT NULL,
    deducted bigint  NOT NULL,
    reversed bigint  NOT NULL,
    expired  bigint  NOT NULL,
    debt     bigint  NOT NULL,
    redeemed bigint  NOT NULL
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
-- ownership: who has each customer, now and at every position before. owner 0: the pool. since: the position from which
-- on it is so. protected_day, due_day: until when nobody else may have it, by when it must be followed up; announced_day:
-- the due day that was announced; rhythm_days above 0: nurtured. former had it before it came to the pool, on pooled_day.
-- region: the customer's, as it is now. (What else there is, the fold needs: ledger.domain.relations.records.)
--
-- From here to the timeline, days are counted from 1970-01-01 and NULL where there is none, amounts are fen, people and
-- things are their numbers, 0 for nobody and nothing.
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE holding (
    customer            bigint   PRIMARY KEY,
    region              text     NOT NULL,
    registered          bigint   NOT NULL,
    registered_day      integer  NOT NULL,
    owner               bigint   NOT NULL,
    team                text     NOT NULL,
    why                 text     NOT NULL,
    since               bigint   NOT NULL,
    since_day           integer  NOT NULL,
    protected_day       integer,
    due_day             integer,
    announced_day       integer,
    follow_up_days      integer  NOT NULL,
    next_due_day        integer,
    rhythm_days         integer  NOT NULL,
    followed_day        integer,
    protection_said_day integer,
    quiet_said_day      integer,
    former              bigint   NOT NULL,
    pooled_day          integer,
    collaborators       bigint[] NOT NULL,
    position            bigint   NOT NULL
);
-- A person's portfolio, with what workloads count; what is due first; a region; the pool, as it came.
CREATE INDEX holding_owner_idx ON holding (owner, customer) INCLUDE (due_day, rhythm_days, protected_day) WHERE owner > 0;
CREATE INDEX holding_due_idx ON holding (due_day, customer) WHERE owner > 0 AND rhythm_days = 0;
CREATE INDEX holding_region_idx ON holding (region, customer);
CREATE INDEX holding_pool_idx ON holding (since, customer) WHERE owner = 0 AND why <> 'merged';
CREATE INDEX holding_pool_region_idx ON holding (region, since, customer) WHERE owner = 0 AND why <> 'merged';

-- One row for each time that a customer was somebody's, or in the pool, from a position to that of the next row; the last
-- reaches to the greatest bigint, and its days to the greatest integer. Before the first row it was in the pool.
-- assigned_at, followed_at: when the row began, and the first talk since.
CREATE TABLE holding_history (
    customer      bigint      NOT NULL,
    position_from bigint      NOT NULL,
    position_to   bigint      NOT NULL,
    day_from      integer     NOT NULL,
    day_to        integer     NOT NULL,
    staff         bigint      NOT NULL,
    team          text        NOT NULL,
    why           text        NOT NULL,
    rule          text        NOT NULL,
    rule_set      text        NOT NULL,
    cause         bigint      NOT NULL,
    assigned_at   timestamptz NOT NULL,
    followed_at   timestamptz,
    PRIMARY KEY (customer, position_from)
);
CREATE UNIQUE INDEX holding_history_now_idx ON holding_history (customer) WHERE position_to = 9223372036854775807;
CREATE INDEX holding_history_staff_idx ON holding_history (staff, customer, position_from) WHERE staff > 0;
CREATE INDEX holding_history_day_idx ON holding_history (day_from) WHERE staff > 0;

-- What must be known of a customer to give it back as it was: how handovers and a merging found and left it, and what the
-- next event gives back. handover: the last one that it stands as left by; survivor: the customer it was merged into.
CREATE TABLE holding_kept (
    customer bigint PRIMARY KEY,
    handover bigint NOT NULL,
    survivor bigint NOT NULL,
    kept     jsonb  NOT NULL
);
CREATE INDEX holding_kept_handover_idx ON holding_kept (handover) WHERE handover > 0;
CREATE INDEX holding_kept_survivor_idx ON holding_kept (survivor) WHERE survivor > 0;

CREATE TABLE collaboration (
    customer bigint NOT NULL,
    staff    bigint NOT NULL,
    PRIMARY KEY (customer, staff)
);
CREATE INDEX collaboration_staff_idx ON collaboration (staff, customer);

-- ---------------------------------------------------------------------------------------------------------------------
-- staff: people of the firm and their teams. sealed: their name and phone, "" once they were erased. place: the region
-- they work in, their own or that of the nearest team above that has one.
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE team (
    team     text   PRIMARY KEY,
    name     text   NOT NULL,
    parent   text   NOT NULL,
    region   text   NOT NULL,
    kind     text   NOT NULL,
    position bigint NOT NULL
);

-- Every team with itself and each team above it.
CREATE TABLE team_above (
    team  text NOT NULL,
    above text NOT NULL,
    PRIMARY KEY (team, above)
);
CREATE INDEX team_above_above_idx ON team_above (above);

CREATE TABLE staff (
    number           bigint  PRIMARY KEY CHECK (number > 0),
    person           bigint  NOT NULL,
    sealed           text    NOT NULL,
    source           text    NOT NULL,
    reference        text    NOT NULL,
    team             text    NOT NULL,
    role             text    NOT NULL,
    region           text    NOT NULL,
    place            text    NOT NULL,
    skills           jsonb   NOT NULL,
    experience_years integer NOT NULL,
    capacity         integer NOT NULL,
    joined_day       integer NOT NULL,
    last_day         integer,
    position         bigint  NOT NULL
);
CREATE INDEX staff_team_idx ON staff (team, number);
CREATE INDEX staff_place_idx ON staff (place, number);

CREATE TABLE staff_absence (
    staff     bigint  NOT NULL,
    first_day integer NOT NULL,
    last_day  integer NOT NULL,
    position  bigint  NOT NULL,
    PRIMARY KEY (staff, first_day)
);

-- ---------------------------------------------------------------------------------------------------------------------
-- profile: what is known of a customer beyond name and traits. Who a contact is, and what is said about one, is sealed;
-- sealed is "" once they were erased.
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE profile (
    customer       bigint PRIMARY KEY,
    credit_code    text   NOT NULL,
    qualifications text[] NOT NULL,
    needs          text   NOT NULL,
    cooperation    text   NOT NULL,
    more           jsonb  NOT NULL,
    position       bigint NOT NULL
);

CREATE TABLE contact (
    person   bigint  PRIMARY KEY,
    customer bigint  NOT NULL,
    sealed   text    NOT NULL,
    place    text    NOT NULL,
    decides  boolean NOT NULL,
    position bigint  NOT NULL
);
CREATE INDEX contact_customer_idx ON contact (customer, person);

-- An entry takes the place of the one of the same kind and value about the same. customer 0: about a whole region.
CREATE TABLE knowledge (
    customer bigint  NOT NULL,
    region   text    NOT NULL,
    kind     text    NOT NULL,
    value    text    NOT NULL,
    person   bigint  NOT NULL,
    text     text    NOT NULL,
    sealed   text    NOT NULL,
    day      integer NOT NULL,
    position bigint  NOT NULL,
    PRIMARY KEY (customer, region, kind, value, person)
);
CREATE INDEX knowledge_person_idx ON knowledge (person) WHERE person > 0;

CREATE TABLE project (
    number   bigint PRIMARY KEY CHECK (number > 0),
    customer bigint NOT NULL,
    name     text   NOT NULL,
    stage    text   NOT NULL,
    region   text   NOT NULL,
    amount   bigint NOT NULL,
    position bigint NOT NULL
);
CREATE INDEX project_customer_idx ON project (customer, number);

-- name: as it was given, the id of a customer or a name; customer: its number, 0 where it is none of ours.
CREATE TABLE project_party (
    project  bigint  NOT NULL,
    ordinal  integer NOT NULL,
    role     text    NOT NULL,
    name     text    NOT NULL,
    customer bigint  NOT NULL,
    PRIMARY KEY (project, ordinal)
);
CREATE INDEX project_party_customer_idx ON project_party (customer) WHERE customer > 0;

-- customer: whose project it is.
CREATE TABLE site_member (
    project  bigint NOT NULL,
    staff    bigint NOT NULL,
    customer bigint NOT NULL,
    PRIMARY KEY (project, staff)
);
CREATE INDEX site_member_staff_idx ON site_member (staff, customer);

CREATE TABLE milestone (
    project     bigint  NOT NULL,
    milestone   text    NOT NULL,
    name        text    NOT NULL,
    due_day     integer NOT NULL,
    reached_day integer,
    position    bigint  NOT NULL,
    PRIMARY KEY (project, milestone)
);
CREATE INDEX milestone_due_idx ON milestone (due_day) WHERE reached_day IS NULL;

-- undone: the position at which it was taken back, 0 while it stands.
CREATE TABLE merging (
    position bigint  PRIMARY KEY,
    customer bigint  NOT NULL,
    merged   bigint  NOT NULL,
    reason   text    NOT NULL,
    day      integer NOT NULL,
    undone   bigint  NOT NULL
);
CREATE INDEX merging_customer_idx ON merging (customer, position);
CREATE INDEX merging_merged_idx ON merging (merged, position);

-- Customers that stand for others now: merged_into is the next one, survivor the last.
CREATE TABLE customer_merged (
    customer    bigint PRIMARY KEY,
    merged_into bigint NOT NULL,
    survivor    bigint NOT NULL
);
CREATE INDEX customer_merged_survivor_idx ON customer_merged (survivor);

-- ---------------------------------------------------------------------------------------------------------------------
-- work: chances of contracts with the stages they went through, talks, tasks. stage_reached: the furthest stage but
-- lost that it ever stood at, by its place in the list of stages.
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE opportunity (
    number              bigint  PRIMARY KEY CHECK (number > 0),
    customer            bigint  NOT NULL,
    staff               bigint  NOT NULL,
    name                text    NOT NULL,
    project             bigint  NOT NULL,
    channel             text    NOT NULL,
    stage               text    NOT NULL,
    stage_day           integer NOT NULL,
    stage_reached       integer NOT NULL,
    amount              bigint  NOT NULL,
    probability_percent integer NOT NULL,
    expected_day        integer,
    opened_day          integer NOT NULL,
    ended_day           integer,
    reason              text    NOT NULL,
    source              text    NOT NULL,
    reference           text    NOT NULL,
    position            bigint  NOT NULL
);
CREATE INDEX opportunity_customer_idx ON opportunity (customer, number);
CREATE INDEX opportunity_staff_idx ON opportunity (staff, number);
CREATE INDEX opportunity_opened_idx ON opportunity (opened_day, number);
CREATE INDEX opportunity_ended_idx ON opportunity (ended_day) WHERE ended_day IS NOT NULL;

-- day_to NULL: it stands there now.
CREATE TABLE opportunity_stage (
    opportunity bigint  NOT NULL,
    position    bigint  NOT NULL,
    stage       text    NOT NULL,
    day_from    integer NOT NULL,
    day_to      integer,
    PRIMARY KEY (opportunity, position)
);

CREATE TABLE follow_up (
    position     bigint  PRIMARY KEY,
    customer     bigint  NOT NULL,
    staff        bigint  NOT NULL,
    day          integer NOT NULL,
    channel      text    NOT NULL,
    said         text    NOT NULL,
    next_step    text    NOT NULL,
    next_due_day integer,
    outcome      text    NOT NULL,
    opportunity  bigint  NOT NULL,
    satisfaction integer NOT NULL,
    next_step_done boolean NOT NULL
);
CREATE INDEX follow_up_customer_idx ON follow_up (customer, position);
CREATE INDEX follow_up_staff_idx ON follow_up (staff, position);
CREATE INDEX follow_up_day_idx ON follow_up (day);

-- doer: who has to do it, 0 for whoever of the department. note: the last one.
CREATE TABLE task (
    number           bigint  PRIMARY KEY CHECK (number > 0),
    customer         bigint  NOT NULL,
    staff            bigint  NOT NULL,
    department       text    NOT NULL,
    doer             bigint  NOT NULL,
    title            text    NOT NULL,
    due_day          integer NOT NULL,
    state            text    NOT NULL,
    progress_percent integer NOT NULL,
    note             text    NOT NULL,
    opportunity      bigint  NOT NULL,
    handed_day       integer NOT NULL,
    accepted_day     integer,
    ended_day        integer,
    position         bigint  NOT NULL
);
CREATE INDEX task_customer_idx ON task (customer, number);
CREATE INDEX task_staff_idx ON task (staff, number);
CREATE INDEX task_doer_idx ON task (doer, number);
CREATE INDEX task_department_idx ON task (department, number);
CREATE INDEX task_due_idx ON task (due_day, number) WHERE ended_day IS NULL;

-- ---------------------------------------------------------------------------------------------------------------------
-- arrivals: leads, and collisions over them. matched: the customer that the lead was found to be or seems to be, and that
-- the holder has; matches: [kind, score] each. owner NULL: not ruled yet; settled_by: "rules" or who ruled.
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE lead (
    position bigint  PRIMARY KEY,
    customer bigint  NOT NULL,
    source   text    NOT NULL,
    lead     text    NOT NULL,
    channel  text    NOT NULL,
    staff    bigint  NOT NULL,
    project  text    NOT NULL,
    amount   bigint  NOT NULL,
    is_new   boolean NOT NULL,
    matched  bigint  NOT NULL,
    matches  jsonb   NOT NULL,
    day      integer NOT NULL
);
CREATE INDEX lead_customer_idx ON lead (customer, position);
CREATE INDEX lead_day_idx ON lead (day);

CREATE TABLE collision (
    number     bigint  PRIMARY KEY CHECK (number > 0),
    customer   bigint  NOT NULL,
    matched    bigint  NOT NULL,
    holder     bigint  NOT NULL,
    asker      bigint  NOT NULL,
    certainty  text    NOT NULL,
    matches    jsonb   NOT NULL,
    project    text    NOT NULL,
    day        integer NOT NULL,
    owner      bigint,
    settled_by text    NOT NULL,
    reason     text    NOT NULL,
    ruled_day  integer,
    position   bigint  NOT NULL
);
CREATE INDEX collision_customer_idx ON collision (customer);
CREATE INDEX collision_matched_idx ON collision (matched);
CREATE INDEX collision_asker_idx ON collision (asker, number);
CREATE INDEX collision_open_idx ON collision (number) WHERE owner IS NULL;

-- ---------------------------------------------------------------------------------------------------------------------
-- reminders: what was said to be due, once each. number: of the task or project that it is about.
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE reminder (
    position bigint  PRIMARY KEY,
    customer bigint  NOT NULL,
    kind     text    NOT NULL,
    staff    bigint  NOT NULL,
    about    text    NOT NULL,
    number   bigint  NOT NULL,
    due_day  integer NOT NULL,
    day      integer NOT NULL
);
CREATE INDEX reminder_staff_idx ON reminder (staff, position);
CREATE INDEX reminder_customer_idx ON reminder (customer, position);

-- ---------------------------------------------------------------------------------------------------------------------
-- timeline: every event about relations in a customer's stream; what else there is stands in history.
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE timeline (
    customer    bigint      NOT NULL,
    position    bigint      NOT NULL,
    topic       text        NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    actor       text        NOT NULL,
    cause       bigint      NOT NULL,
    PRIMARY KEY (customer, position)
);

INSERT INTO view_table (name, view) VALUES
    ('holding', 'ownership'), ('holding_history', 'ownership'), ('holding_kept', 'ownership'),
    ('collaboration', 'ownership'),
    ('team', 'staff'), ('team_above', 'staff'), ('staff', 'staff'), ('staff_absence', 'staff'),
    ('profile', 'profile'), ('contact', 'profile'), ('knowledge', 'profile'), ('project', 'profile'),
    ('project_party', 'profile'), ('site_member', 'profile'), ('milestone', 'profile'), ('merging', 'profile'),
    ('customer_merged', 'profile'),
    ('opportunity', 'work'), ('opportunity_stage', 'work'), ('follow_up', 'work'), ('task', 'work'),
    ('lead', 'arrivals'), ('collision', 'arrivals'),
    ('reminder', 'reminders'),
    ('timeline', 'timeline');

GRANT SELECT, INSERT, UPDATE, DELETE
    ON holding, holding_history, holding_kept, collaboration, team, team_above, staff, staff_absence, profile, contact,
       knowledge, project, project_party, site_member, milestone, merging, customer_merged, opportunity, opportunity_stage, follow_up,
       task, lead, collision, reminder, timeline
    TO plumbline_app;

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

-- The longer part of a result, list by list and row by row: customers whose points a replay changes, those whose owner
-- it changes, rows that an import refused. list: as the API calls it.
CREATE TABLE job_row (
    job    text   NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    number bigint NOT NULL CHECK (number > 0),
    row    jsonb  NOT NULL,
    list   text   NOT NULL,
    PRIMARY KEY (job, list, number)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON job, job_row TO plumbline_app;

-- ---------------------------------------------------------------------------------------------------------------------
-- Quarantine.
-- ---------------------------------------------------------------------------------------------------------------------

-- Rows of imported files that were refused, kept until a person has mended or dismissed them. Not part of the log:
-- nothing here has happened. raw: the row's cells by header, as they stood in the file; the same row of the same source
-- is kept once, whatever file or encoding it came in. A row is open until it is resolved, and is never removed. Resolved
-- it has no cells any more, and is known again by row_sha256; NULL: it was purged, and is new when it comes again. Rows
-- that this leaves dead are vacuumed within minutes, however few they are.
CREATE TABLE quarantine (
    id             bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source         text        NOT NULL,
    row_sha256     bytea       CHECK (octet_length(row_sha256) = 32),
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
    CONSTRAINT quarantine_resolved_whole CHECK ((resolved_at IS NULL) = (resolution IS NULL)),
    CONSTRAINT quarantine_resolved_empty CHECK (resolved_at IS NULL OR raw = '{}'),
    CONSTRAINT quarantine_open_known CHECK (resolved_at IS NOT NULL OR row_sha256 IS NOT NULL)
) WITH (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0);
CREATE INDEX quarantine_open ON quarantine (id) WHERE resolved_at IS NULL;

GRANT SELECT, INSERT, UPDATE ON quarantine TO plumbline_app;

-- Mapping documents that came with a file and refused rows of it: by them these are tried again. As text, for the order
-- of the columns tells which one a row is refused for.
CREATE TABLE mapping_document (
    sha256   bytea PRIMARY KEY CHECK (octet_length(sha256) = 32),
    document json  NOT NULL
);

GRANT SELECT, INSERT ON mapping_document TO plumbline_app;

-- ---------------------------------------------------------------------------------------------------------------------
-- Vault.
-- ---------------------------------------------------------------------------------------------------------------------

-- Keys of people: what is sealed about a person is opened by this key and nothing else. Outside the log, so that a person
-- can be erased from books that are never changed: the key goes, the log stays as it is.
--
-- key: AES-256; NULL once the person was erased, so that nobody gives that number another key. A key may be there before
-- anything is sealed with it. Rows that an erasure leaves dead are vacuumed within minutes, however few they are.
CREATE TABLE person_key (
    person    bigint      PRIMARY KEY CHECK (person > 0),
    key       bytea       CHECK (octet_length(key) = 32),
    made_at   timestamptz NOT NULL DEFAULT now(),
    erased_at timestamptz,
    CONSTRAINT person_key_erased_whole CHECK ((key IS NULL) = (erased_at IS NOT NULL))
) WITH (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0);

GRANT SELECT, INSERT ON person_key TO plumbline_app;
GRANT UPDATE (key, erased_at) ON person_key TO plumbline_app;

-- ---------------------------------------------------------------------------------------------------------------------
-- redemptions: what was reserved, and what became of it; the committed parts; what is in stock. Points in 1/100, money
-- in fen. state: held, committed, freed or reversed. spent and returned are sums of the parts.
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE redemption (
    number         bigint  PRIMARY KEY,
    customer       bigint  NOT NULL,
    position       bigint  NOT NULL,
    offer          text    NOT NULL,
    kind           text    NOT NULL,
    variant        text    NOT NULL,
    quantity       bigint  NOT NULL,
    points         bigint  NOT NULL,
    money          bigint  NOT NULL,
    rule_set       text    NOT NULL,
    booked_on      date    NOT NULL,
    held_until     date    NOT NULL,
    reference      text    NOT NULL,
    project        text    NOT NULL,
    freed          bigint  NOT NULL,
    quantity_freed bigint  NOT NULL,
    spent          bigint  NOT NULL,
    returned       bigint  NOT NULL,
    state          text    NOT NULL
);
CREATE INDEX redemption_customer_idx ON redemption (customer, number);

CREATE TABLE redemption_part (
    redemption        bigint NOT NULL,
    part              bigint NOT NULL,
    position          bigint NOT NULL,
    booked_on         date   NOT NULL,
    points            bigint NOT NULL,
    quantity          bigint NOT NULL,
    money             bigint NOT NULL,
    reference         text   NOT NULL,
    valid_until       date,
    returned          bigint NOT NULL,
    quantity_returned bigint NOT NULL,
    money_returned    bigint NOT NULL,
    PRIMARY KEY (redemption, part)
);

CREATE TABLE stock (
    offer   text   NOT NULL,
    variant text   NOT NULL,
    on_hand bigint NOT NULL CHECK (on_hand >= held),
    held    bigint NOT NULL CHECK (held >= 0),
    PRIMARY KEY (offer, variant)
);

INSERT INTO view_table (name, view) VALUES
    ('redemption', 'redemptions'), ('redemption_part', 'redemptions'), ('stock', 'redemptions');

GRANT SELECT, INSERT, UPDATE, DELETE ON redemption, redemption_part, stock TO plumbline_app;

-- ---------------------------------------------------------------------------------------------------------------------
-- Webhooks in: facts by signed webhook. Who may send them, by which keys, and which messages have come. Not part of the
-- log: what a message records is there.
-- ---------------------------------------------------------------------------------------------------------------------

-- Senders. mapping_sha256: the document by which their JSON becomes facts.
CREATE TABLE webhook_sender (
    name           text        PRIMARY KEY,
    mapping_sha256 bytea       NOT NULL REFERENCES mapping_document (sha256),
    created_at     timestamptz NOT NULL,
    created_by     text        NOT NULL,
    changed_at     timestamptz NOT NULL,
    changed_by     text        NOT NULL,
    revoked_at     timestamptz,
    revoked_by     text,
    CONSTRAINT webhook_sender_revoked_whole CHECK ((revoked_at IS NULL) = (revoked_by IS NULL))
);

-- Keys of senders. secret: as the sender has it, for a signature can be made again only with it. ends_at: NULL of the
-- key in use; of the one before it, when it stops.
CREATE TABLE webhook_sender_key (
    id         text        PRIMARY KEY,
    sender     text        NOT NULL REFERENCES webhook_sender (name),
    secret     text        NOT NULL,
    created_at timestamptz NOT NULL,
    created_by text        NOT NULL,
    ends_at    timestamptz
);
CREATE INDEX webhook_sender_key_sender_idx ON webhook_sender_key (sender, created_at);
CREATE UNIQUE INDEX webhook_sender_key_used ON webhook_sender_key (sender) WHERE ends_at IS NULL;

-- Signed messages that have come, by their id and the time that was signed with it: one that comes again is a replay.
-- Kept for as long as their signature is good.
CREATE TABLE webhook_message (
    sender     text        NOT NULL,
    message_id text        NOT NULL,
    sent_at    timestamptz NOT NULL,
    PRIMARY KEY (sender, message_id, sent_at)
);
CREATE INDEX webhook_message_sent_at_idx ON webhook_message (sent_at);

GRANT SELECT, INSERT ON webhook_sender, webhook_sender_key TO plumbline_app;
GRANT UPDATE (mapping_sha256, changed_at, changed_by, revoked_at, revoked_by) ON webhook_sender TO plumbline_app;
GRANT UPDATE (ends_at) ON webhook_sender_key TO plumbline_app;
GRANT SELECT, INSERT, DELETE ON webhook_message TO plumbline_app;

-- ---------------------------------------------------------------------------------------------------------------------
-- Webhooks. position, part: the last message that is through, in the order of the log; part tells the notices of one
-- close apart (the customer's number, 0 for events). rewinds: how often a person set that place, so that a delivery that
-- was under way then doesn't move it. attempts: how often the next message has failed; retry_at: when it is tried again.
-- types, customers: empty for all. batch, consent: of notices, '' otherwise.
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE webhook (
    name         text        PRIMARY KEY,
    kind         text        NOT NULL CHECK (kind IN ('event', 'notice')),
    url          text        NOT NULL,
    types        text[]      NOT NULL,
    customers    text[]      NOT NULL,
    batch        text        NOT NULL CHECK (batch IN ('', 'day', 'month') AND (batch = '') = (kind = 'event')),
    consent      text        NOT NULL CHECK (
        consent IN ('', 'given', 'not_withdrawn') AND (consent = '') = (kind = 'event')
    ),
    on_dead      text        NOT NULL CHECK (on_dead IN ('skip', 'stop')),
    attempts_max integer     NOT NULL CHECK (attempts_max > 0),
    state        text        NOT NULL CHECK (state IN ('active', 'paused', 'held', 'gone')),
    position     bigint      NOT NULL CHECK (position >= 0),
    part         bigint      NOT NULL CHECK (part >= 0),
    rewinds      bigint      NOT NULL DEFAULT 0,
    attempts     integer     NOT NULL DEFAULT 0,
    retry_at     timestamptz,
    delivered_at timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now(),
    created_by   text        NOT NULL,
    changed_at   timestamptz NOT NULL DEFAULT now(),
    changed_by   text        NOT NULL
);

-- What a webhook's messages are signed with: the present secret (ends_at NULL), and for a time the ones before it.
CREATE TABLE webhook_secret (
    webhook    text        NOT NULL REFERENCES webhook (name) ON DELETE CASCADE,
    secret     text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    ends_at    timestamptz,
    PRIMARY KEY (webhook, secret)
);
CREATE UNIQUE INDEX webhook_secret_present_key ON webhook_secret (webhook) WHERE ends_at IS NULL;

-- Attempts, the last thousand of each webhook. status: of the answer, 0 where there was none. reason: why not.
CREATE TABLE webhook_attempt (
    webhook    text        NOT NULL REFERENCES webhook (name) ON DELETE CASCADE,
    number     bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    position   bigint      NOT NULL,
    part       bigint      NOT NULL,
    message    text        NOT NULL,
    attempt    integer     NOT NULL,
    at         timestamptz NOT NULL,
    outcome    text        NOT NULL CHECK (outcome IN ('delivered', 'failed', 'dead', 'gone')),
    status     integer     NOT NULL,
    latency_ms integer     NOT NULL,
    reason     text        NOT NULL,
    PRIMARY KEY (webhook, number)
);

-- Messages that were given up. state: dead; waiting, once a person asked for another attempt; delivered after all.
CREATE TABLE webhook_dead (
    webhook  text        NOT NULL REFERENCES webhook (name) ON DELETE CASCADE,
    position bigint      NOT NULL,
    part     bigint      NOT NULL,
    message  text        NOT NULL,
    attempts integer     NOT NULL,
    status   integer     NOT NULL,
    reason   text        NOT NULL,
    dead_at  timestamptz NOT NULL,
    state    text        NOT NULL CHECK (state IN ('dead', 'waiting', 'delivered')),
    PRIMARY KEY (webhook, position, part)
);
CREATE INDEX webhook_dead_waiting_idx ON webhook_dead (webhook, position, part) WHERE state = 'waiting';

GRANT SELECT, INSERT, UPDATE, DELETE ON webhook, webhook_secret, webhook_attempt, webhook_dead TO plumbline_app;

-- ---------------------------------------------------------------------------------------------------------------------
-- Notices: folded from the log by position, so they can be thrown away and made again. Points in 1/100, days counted
-- from 1970-01-01, months from 1970-01.
-- ---------------------------------------------------------------------------------------------------------------------

-- How far the log is folded; and the close whose consequences are being read, NULL between closes.
CREATE TABLE notice_place (
    only_row         boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position         bigint  NOT NULL CHECK (position >= 0),
    closing_position bigint,
    closing_day      integer,
    closing_at       text
);
INSERT INTO notice_place (position) VALUES (0);

-- Each customer as of that position. choice: what they said about notices last: '' nothing, yes, day, month, no.
CREATE TABLE notice_customer (
    customer bigint PRIMARY KEY,
    choice   text   NOT NULL CHECK (choice IN ('', 'yes', 'day', 'month', 'no'))
);

-- Every change of a tier: position of its event, day from which it counts.
CREATE TABLE notice_tier_change (
    customer    bigint  NOT NULL,
    position    bigint  NOT NULL,
    day         integer NOT NULL,
    tier_before text    NOT NULL,
    tier        text    NOT NULL,
    PRIMARY KEY (customer, position)
);

CREATE TABLE notice_lot (
    customer bigint  NOT NULL,
    month    integer NOT NULL,
    points   bigint  NOT NULL,
    PRIMARY KEY (customer, month)
);

-- What moved and stands in no notice of this batch yet, by the day it is booked on; a change of tier by the day
-- from which it counts.
CREATE TABLE notice_pending (
    batch    text    NOT NULL CHECK (batch IN ('day', 'month')),
    customer bigint  NOT NULL,
    day      integer NOT NULL,
    earned   bigint  NOT NULL,
    deducted bigint  NOT NULL,
    redeemed bigint  NOT NULL,
    expired  bigint  NOT NULL,
    PRIMARY KEY (batch, customer, day)
);
CREATE INDEX notice_pending_day_idx ON notice_pending (batch, day);

-- What the last notice of a batch told, or would have.
CREATE TABLE notice_told (
    batch    text   NOT NULL CHECK (batch IN ('day', 'month')),
    customer bigint NOT NULL,
    balance  bigint NOT NULL,
    tier     text   NOT NULL,
    PRIMARY KEY (batch, customer)
);

-- The notices: position is that of the close they belong to, choice the customer's as of then.
CREATE TABLE notice (
    position    bigint  NOT NULL,
    customer    bigint  NOT NULL,
    batch       text    NOT NULL CHECK (batch IN ('day', 'month')),
    day         integer NOT NULL,
    recorded_at text    NOT NULL,
    opening     bigint  NOT NULL,
    earned      bigint  NOT NULL,
    deducted    bigint  NOT NULL,
    redeemed    bigint  NOT NULL,
    expired     bigint  NOT NULL,
    closing     bigint  NOT NULL CHECK (closing = opening + earned + deducted + redeemed + expired),
    tier_before text    NOT NULL,
    tier        text    NOT NULL,
    expiring    bigint  NOT NULL,
    choice      text    NOT NULL,
    PRIMARY KEY (position, customer, batch)
);

-- What tiers are called, by the rule set that was activated last.
CREATE TABLE notice_tier (
    tier text PRIMARY KEY,
    zh   text NOT NULL,
    en   text NOT NULL
);

GRANT SELECT, INSERT, UPDATE, DELETE
    ON notice_place, notice_customer, notice_lot, notice_pending, notice_told, notice, notice_tier,
       notice_tier_change TO plumbline_app;

-- ---------------------------------------------------------------------------------------------------------------------
-- entitlements: which customer used which entitlement, when, at which stage of the business. position: of the event.
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE entitlement_use (
    position    bigint      PRIMARY KEY,
    customer    bigint      NOT NULL,
    entitlement text        NOT NULL,
    stage       text        NOT NULL,
    booked_on   date        NOT NULL,
    rule_set    text        NOT NULL,
    reference   text        NOT NULL,
    actor       text        NOT NULL,
    recorded_at timestamptz NOT NULL
);
CREATE INDEX entitlement_use_customer_idx ON entitlement_use (customer, position);

INSERT INTO view_table (name, view) VALUES ('entitlement_use', 'entitlements');

GRANT SELECT, INSERT, UPDATE, DELETE ON entitlement_use TO plumbline_app;
