-- A key may be a member of staff's, in one ledger: what it sees and does follows from their place.

ALTER TABLE api_key
    DROP CONSTRAINT api_key_role_check,
    ADD COLUMN staff text,
    ADD CONSTRAINT api_key_role_check CHECK (role IN ('admin', 'operator', 'auditor', 'service', 'customer', 'staff')),
    ADD CONSTRAINT api_key_staff_check CHECK (
        (role = 'staff') = (staff IS NOT NULL) AND (staff IS NULL OR coalesce(cardinality(ledgers), 0) = 1)
    );
