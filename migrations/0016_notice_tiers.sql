-- Notices tell the tier of the day that they close, which needs the days on which tiers changed. All are folded again,
-- from the log's first event; webhooks go on where they are. (schema.sql shows the whole.)

-- Every change of a tier: position of its event, day from which it counts.
CREATE TABLE notice_tier_change (
    customer    bigint  NOT NULL,
    position    bigint  NOT NULL,
    day         integer NOT NULL,
    tier_before text    NOT NULL,
    tier        text    NOT NULL,
    PRIMARY KEY (customer, position)
);

DROP TABLE notice_customer;
CREATE TABLE notice_customer (
    customer bigint PRIMARY KEY,
    choice   text   NOT NULL CHECK (choice IN ('', 'yes', 'day', 'month', 'no'))
);
DELETE FROM notice_lot;
DELETE FROM notice_pending;
DELETE FROM notice_told;
DELETE FROM notice;
UPDATE notice_place SET position = 0, closing_position = NULL, closing_day = NULL, closing_at = NULL;

GRANT SELECT, INSERT, UPDATE, DELETE ON notice_customer, notice_tier_change TO plumbline_app;
