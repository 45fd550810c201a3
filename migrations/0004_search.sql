-- Customers found by any part of their name, of its pinyin, or of the initials of its pinyin. (schema.sql shows the
-- whole.)

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
