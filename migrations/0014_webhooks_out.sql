-- Webhooks: who is called about what happens here, how far each has been told, what became of it; and the notices about
-- points that are sent to customers' side when a day or month is over. (schema.sql shows the whole.)

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
    tier     text   NOT NULL,
    choice   text   NOT NULL CHECK (choice IN ('', 'yes', 'day', 'month', 'no'))
);

CREATE TABLE notice_lot (
    customer bigint  NOT NULL,
    month    integer NOT NULL,
    points   bigint  NOT NULL,
    PRIMARY KEY (customer, month)
);

-- What moved and stands in no notice of this batch yet, by the day it is booked on; -1: it goes into the next.
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
    ON notice_place, notice_customer, notice_lot, notice_pending, notice_told, notice, notice_tier TO plumbline_app;
