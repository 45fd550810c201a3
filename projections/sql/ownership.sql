-- Who has each customer: now, and at every position before.

-- name: holdings_register
-- New customers are in the pool.
INSERT INTO holding (
    customer, region, registered, registered_day, owner, team, why, since, since_day, follow_up_days, rhythm_days, former,
    collaborators, position
)
SELECT customer, region, position, day, 0, '', 'registered', position, day, 0, 0, 0, '{}', position
FROM unnest(%(customer)s::bigint[], %(region)s::text[], %(position)s::bigint[], %(day)s::integer[])
    AS given (customer, region, position, day)

-- name: regions_store
UPDATE holding h SET region = given.region
FROM unnest(%(customer)s::bigint[], %(region)s::text[]) AS given (customer, region)
WHERE h.customer = given.customer

-- name: holdings_load
SELECT h.customer, h.owner, h.team, h.why, h.since, h.since_day, h.protected_day, h.due_day, h.announced_day,
       h.follow_up_days, h.next_due_day, h.rhythm_days, h.followed_day, h.protection_said_day, h.quiet_said_day, h.former,
       h.pooled_day, h.collaborators, h.position, k.kept
FROM holding h LEFT JOIN holding_kept k ON k.customer = h.customer
WHERE h.customer = ANY (%(customers)s::bigint[])

-- name: customers_owned
SELECT customer FROM holding WHERE owner = %(staff)s AND owner > 0

-- name: customers_handed
SELECT customer FROM holding_kept WHERE handover = %(handover)s

-- name: customers_merged
SELECT customer FROM holding_kept WHERE survivor = %(survivor)s

-- name: holdings_store
-- Whom nobody ever had has been in the pool since it was registered.
UPDATE holding h
SET owner = given.owner, team = given.team, why = given.why,
    since = CASE WHEN given.why = 'registered' THEN h.registered ELSE given.since END,
    since_day = CASE WHEN given.why = 'registered' THEN h.registered_day ELSE given.since_day END,
    protected_day = given.protected_day, due_day = given.due_day, announced_day = given.announced_day,
    follow_up_days = given.follow_up_days, next_due_day = given.next_due_day, rhythm_days = given.rhythm_days,
    followed_day = given.followed_day, protection_said_day = given.protection_said_day,
    quiet_said_day = given.quiet_said_day, former = given.former, pooled_day = given.pooled_day,
    collaborators = string_to_array(given.collaborators, ',')::bigint[], position = given.position
FROM unnest(
    %(customer)s::bigint[], %(owner)s::bigint[], %(team)s::text[], %(why)s::text[], %(since)s::bigint[],
    %(since_day)s::integer[], %(protected_day)s::integer[], %(due_day)s::integer[], %(announced_day)s::integer[],
    %(follow_up_days)s::integer[], %(next_due_day)s::integer[], %(rhythm_days)s::integer[], %(followed_day)s::integer[],
    %(protection_said_day)s::integer[], %(quiet_said_day)s::integer[], %(former)s::bigint[], %(pooled_day)s::integer[],
    %(collaborators)s::text[], %(position)s::bigint[]
) AS given (
    customer, owner, team, why, since, since_day, protected_day, due_day, announced_day, follow_up_days, next_due_day,
    rhythm_days, followed_day, protection_said_day, quiet_said_day, former, pooled_day, collaborators, position
)
WHERE h.customer = given.customer

-- name: kept_clear
DELETE FROM holding_kept WHERE customer = ANY (%(customers)s::bigint[])

-- name: kept_store
INSERT INTO holding_kept (customer, handover, survivor, kept)
SELECT customer, handover, survivor, kept::jsonb
FROM unnest(%(customer)s::bigint[], %(handover)s::bigint[], %(survivor)s::bigint[], %(kept)s::text[])
    AS given (customer, handover, survivor, kept)

-- name: collaborations_clear
DELETE FROM collaboration WHERE customer = ANY (%(customers)s::bigint[])

-- name: collaborations_store
INSERT INTO collaboration (customer, staff) SELECT * FROM unnest(%(customer)s::bigint[], %(staff)s::bigint[])

-- name: history_followed
-- The first talk since somebody got the customer.
UPDATE holding_history h SET followed_at = given.at
FROM unnest(%(customer)s::bigint[], %(at)s::timestamptz[]) AS given (customer, at)
WHERE h.customer = given.customer AND h.position_to = 9223372036854775807 AND h.staff > 0 AND h.followed_at IS NULL

-- name: history_close
UPDATE holding_history h SET position_to = given.position, day_to = given.day
FROM unnest(%(customer)s::bigint[], %(position)s::bigint[], %(day)s::integer[]) AS given (customer, position, day)
WHERE h.customer = given.customer AND h.position_to = 9223372036854775807

-- name: history_store
INSERT INTO holding_history (
    customer, position_from, position_to, day_from, day_to, staff, team, why, rule, rule_set, cause, assigned_at,
    followed_at
)
SELECT * FROM unnest(
    %(customer)s::bigint[], %(position_from)s::bigint[], %(position_to)s::bigint[], %(day_from)s::integer[],
    %(day_to)s::integer[], %(staff)s::bigint[], %(team)s::text[], %(why)s::text[], %(rule)s::text[], %(rule_set)s::text[],
    %(cause)s::bigint[], %(assigned_at)s::timestamptz[], %(followed_at)s::timestamptz[]
)
