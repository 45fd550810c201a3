-- The first projections: tables that follow the log, each with its position, and the functions by which a view is
-- built anew beside the one that is read. All of it can be thrown away and built again. (schema.sql shows the whole.)

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
