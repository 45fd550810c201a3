-- What reports are made of: activity by customer and month, days on which points were lost or complaints filed, points
-- by month, campaigns. (schema.sql shows the whole.)

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
