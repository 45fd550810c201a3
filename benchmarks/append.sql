-- The least an append could do: one binary INSERT of the same rows into a table of the same shape.

-- name: schema_create
CREATE SCHEMA bare

-- name: schema_use
SELECT set_config('search_path', 'bare', false)

-- name: table_create
CREATE TABLE event (
    notification_id    bigint NOT NULL UNIQUE CHECK (notification_id > 0),
    originator_id      text   NOT NULL,
    originator_version bigint NOT NULL,
    topic              text   NOT NULL,
    state              bytea  NOT NULL,
    PRIMARY KEY (originator_id, originator_version)
)

-- name: insert
INSERT INTO event (notification_id, originator_id, originator_version, topic, state)
SELECT * FROM unnest(%b::bigint[], %b::text[], %b::bigint[], %b::text[], %b::bytea[])
