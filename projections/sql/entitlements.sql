-- Uses of entitlements.

-- name: uses_enter
INSERT INTO entitlement_use (
    position, customer, entitlement, stage, booked_on, rule_set, reference, actor, recorded_at
)
SELECT position, customer, entitlement, stage, booked_on::date, rule_set, reference, actor, recorded_at::timestamptz
FROM unnest(
    %(position)s::bigint[], %(customer)s::bigint[], %(entitlement)s::text[], %(stage)s::text[], %(booked_on)s::text[],
    %(rule_set)s::text[], %(reference)s::text[], %(actor)s::text[], %(recorded_at)s::text[]
) AS given (position, customer, entitlement, stage, booked_on, rule_set, reference, actor, recorded_at)

-- name: uses_read
-- A list by position.
SELECT position, customer, entitlement, stage, booked_on, rule_set, reference, actor, recorded_at
FROM entitlement_use
WHERE (%(customer)s::bigint IS NULL OR customer = %(customer)s)
  AND (%(entitlement)s::text IS NULL OR entitlement = %(entitlement)s)
  AND (%(stage)s::text IS NULL OR stage = %(stage)s)

-- name: uses_count
-- How often a customer used each entitlement in each month, counted from 1970-01.
SELECT entitlement,
       (extract(year FROM booked_on)::integer - 1970) * 12 + extract(month FROM booked_on)::integer - 1 AS month,
       count(*)
FROM entitlement_use
WHERE customer = %(customer)s
GROUP BY 1, 2
