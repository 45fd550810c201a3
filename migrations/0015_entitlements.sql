-- Uses of entitlements, which were events without a view. The view begins at the log's first event. (schema.sql shows the
-- whole.)

-- ---------------------------------------------------------------------------------------------------------------------
-- entitlements: which customer used which entitlement, when, at which stage of the business. position: of the event.
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE entitlement_use (
    position    bigint      PRIMARY KEY,
    customer    bigint      NOT NULL,
    entitlement text        NOT NULL,
    stage       text        NOT NULL,
    booked_on   date        NOT NULL,
    rule_set    text        NOT NULL,
    reference   text        NOT NULL,
    actor       text        NOT NULL,
    recorded_at timestamptz NOT NULL
);
CREATE INDEX entitlement_use_customer_idx ON entitlement_use (customer, position);

INSERT INTO view_table (name, view) VALUES ('entitlement_use', 'entitlements');

GRANT SELECT, INSERT, UPDATE, DELETE ON entitlement_use TO plumbline_app;
