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

-- Points that came back to a lot that was already over expire on the day whose close took them, not on the lot's last.
UPDATE history h
SET booked_on = late.day
FROM (
    SELECT notification_id, left(convert_from(state, 'UTF8')::jsonb ->> 'occurred_at', 10)::date - 1 AS day
    FROM event WHERE topic = 'PointsExpired'
) AS late
WHERE h.position = late.notification_id AND h.topic = 'PointsExpired' AND h.booked_on < late.day;

GRANT SELECT, INSERT, UPDATE, DELETE ON earned, ladder_window TO plumbline_app;
