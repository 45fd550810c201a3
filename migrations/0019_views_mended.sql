-- Views that said otherwise than the engine, mended. (schema.sql shows the whole.)

-- What is earned counts for the ladder of the rule set that granted it, and only for ladders of the same window. The view
-- is folded again, from the log's first event.
DROP TABLE earned;
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
INSERT INTO view_table (name, view) VALUES ('ladder_window', 'tiers');
DELETE FROM tier;
UPDATE view SET position = 0 WHERE name = 'tiers';

GRANT SELECT, INSERT, UPDATE, DELETE ON earned, ladder_window TO plumbline_app;
