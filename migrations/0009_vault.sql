-- Keys of people: what is sealed about a person is opened by this key and nothing else. Outside the log, so that a person
-- can be erased from books that are never changed: the key goes, the log stays as it is. (schema.sql shows the whole.)

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
