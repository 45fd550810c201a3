-- What is redeemed and held, in the views of points. (schema.sql shows the whole.) Until now nothing was.

ALTER TABLE balance
    ADD COLUMN redeemed bigint NOT NULL DEFAULT 0,
    ADD COLUMN held     bigint NOT NULL DEFAULT 0 CHECK (held >= 0);
ALTER TABLE balance
    ALTER COLUMN redeemed DROP DEFAULT,
    ALTER COLUMN held DROP DEFAULT;

ALTER TABLE activity ADD COLUMN redeemed bigint NOT NULL DEFAULT 0;
ALTER TABLE activity ALTER COLUMN redeemed DROP DEFAULT;

ALTER TABLE points_month ADD COLUMN redeemed bigint NOT NULL DEFAULT 0;
ALTER TABLE points_month ALTER COLUMN redeemed DROP DEFAULT;

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
