-- Notices, folded from the log.

-- name: place_lock
-- Whoever folds is alone.
SELECT position, closing_position, closing_day, closing_at FROM notice_place FOR UPDATE

-- name: place_store
UPDATE notice_place
SET position = %(position)s, closing_position = %(closing_position)s, closing_day = %(closing_day)s,
    closing_at = %(closing_at)s

-- name: events_after
-- Events after a position, in order.
SELECT notification_id, originator_id, originator_version, topic, state
FROM event WHERE notification_id > %(after)s ORDER BY notification_id LIMIT %(limit)s

-- name: rule_set_document
-- The events that proposed rule sets.
SELECT topic, state FROM event WHERE originator_id = 'rulebook' AND topic = 'RuleSetProposed'
ORDER BY originator_version DESC

-- name: activations_read
-- Every rule set that was activated up to a position, in order.
SELECT notification_id, topic, state FROM event
WHERE originator_id = 'rulebook' AND topic = 'RuleSetActivated' AND notification_id <= %(through)s
ORDER BY originator_version

-- name: tiers_store
INSERT INTO notice_tier (tier, zh, en)
SELECT * FROM unnest(%(tier)s::text[], %(zh)s::text[], %(en)s::text[])
ON CONFLICT (tier) DO UPDATE SET zh = excluded.zh, en = excluded.en

-- name: tiers_read
SELECT tier, zh, en FROM notice_tier

-- name: pending_add
-- The same for both batches.
INSERT INTO notice_pending AS p (batch, customer, day, earned, deducted, redeemed, expired)
SELECT batch, given.*
FROM unnest(ARRAY['day', 'month']) AS batch, unnest(
    %(customer)s::bigint[], %(day)s::integer[], %(earned)s::bigint[], %(deducted)s::bigint[], %(redeemed)s::bigint[],
    %(expired)s::bigint[]
) AS given (customer, day, earned, deducted, redeemed, expired)
ON CONFLICT (batch, customer, day) DO UPDATE
SET earned = p.earned + excluded.earned, deducted = p.deducted + excluded.deducted,
    redeemed = p.redeemed + excluded.redeemed, expired = p.expired + excluded.expired

-- name: lots_add
MERGE INTO notice_lot AS l
USING unnest(%(customer)s::bigint[], %(month)s::integer[], %(points)s::bigint[]) AS given (customer, month, points)
ON l.customer = given.customer AND l.month = given.month
WHEN MATCHED AND l.points + given.points = 0 THEN DELETE
WHEN MATCHED THEN UPDATE SET points = l.points + given.points
WHEN NOT MATCHED THEN INSERT (customer, month, points) VALUES (given.customer, given.month, given.points)

-- name: tier_changes_add
INSERT INTO notice_tier_change (customer, position, day, tier_before, tier)
SELECT * FROM unnest(
    %(customer)s::bigint[], %(position)s::bigint[], %(day)s::integer[], %(tier_before)s::text[], %(tier)s::text[]
)

-- name: customers_read
SELECT customer, choice FROM notice_customer WHERE customer = ANY (%(customers)s::bigint[])

-- name: customers_store
INSERT INTO notice_customer (customer, choice)
SELECT * FROM unnest(%(customer)s::bigint[], %(choice)s::text[])
ON CONFLICT (customer) DO UPDATE SET choice = excluded.choice

-- name: pending_customers
-- Of whom the close of a day tells.
SELECT DISTINCT customer FROM notice_pending WHERE batch = %(batch)s AND day <= %(day)s ORDER BY customer

-- name: events_first
-- The first event of each of some customers that is a fact or an award, up to a position: it has the day on which and the
-- rule set by which their points began. A referral that brought its referrer nothing is none of the referrer's events.
SELECT given.customer, own.notification_id, own.topic, own.state
FROM unnest(%(customers)s::bigint[], %(streams)s::text[]) AS given (customer, stream)
CROSS JOIN LATERAL (
    SELECT e.notification_id, e.topic, e.state FROM event e
    WHERE e.originator_id = given.stream AND e.topic IN ('FactRecorded', 'PointsGranted', 'PointsDeducted')
      AND e.notification_id <= %(through)s
    ORDER BY e.originator_version LIMIT 1
) AS own

-- name: notices_make
-- What a close ends: everything pending that is booked up to its day goes into one notice for each customer, unless it
-- comes to nothing. Afterwards that is what was told. The tier is that of the last change, in the order of the log,
-- that counts by that day; whose tier hadn't changed by then is in the one it began on (customers, tiers), or in the lowest.
WITH ended AS (
    DELETE FROM notice_pending WHERE batch = %(batch)s AND day <= %(day)s
    RETURNING customer, earned, deducted, redeemed, expired
), summed AS (
    SELECT customer, sum(earned)::bigint AS earned, sum(deducted)::bigint AS deducted,
           sum(redeemed)::bigint AS redeemed, sum(expired)::bigint AS expired
    FROM ended GROUP BY customer
), found AS (
    SELECT s.*, coalesce(t.balance, 0) AS opening,
           coalesce(nullif(t.tier, ''), nullif(begun.tier_before, ''), first.tier, %(lowest)s) AS tier_before,
           coalesce(nullif(stands.tier, ''), first.tier, %(lowest)s) AS tier, coalesce(c.choice, '') AS choice,
           coalesce(t.balance, 0) + s.earned + s.deducted + s.redeemed + s.expired AS closing
    FROM summed s
    LEFT JOIN notice_told t ON t.batch = %(batch)s AND t.customer = s.customer
    LEFT JOIN notice_customer c ON c.customer = s.customer
    LEFT JOIN unnest(%(customers)s::bigint[], %(tiers)s::text[]) AS first (customer, tier) ON first.customer = s.customer
    LEFT JOIN LATERAL (
        SELECT n.tier_before FROM notice_tier_change n
        WHERE n.customer = s.customer AND n.day <= %(day)s ORDER BY n.position LIMIT 1
    ) begun ON true
    LEFT JOIN LATERAL (
        SELECT n.tier FROM notice_tier_change n
        WHERE n.customer = s.customer AND n.day <= %(day)s ORDER BY n.position DESC LIMIT 1
    ) stands ON true
), told AS (
    INSERT INTO notice_told (batch, customer, balance, tier)
    SELECT %(batch)s, customer, closing, tier FROM found
    ON CONFLICT (batch, customer) DO UPDATE SET balance = excluded.balance, tier = excluded.tier
)
INSERT INTO notice (
    position, customer, batch, day, recorded_at, opening, earned, deducted, redeemed, expired, closing, tier_before,
    tier, expiring, choice
)
SELECT %(position)s, f.customer, %(batch)s, %(day)s, %(at)s, f.opening, f.earned, f.deducted, f.redeemed, f.expired,
       f.closing, f.tier_before, f.tier, coalesce(l.points, 0), f.choice
FROM found f
LEFT JOIN notice_lot l ON l.customer = f.customer AND l.month = %(month_next)s
WHERE (f.earned, f.deducted, f.redeemed, f.expired) <> (0, 0, 0, 0) OR f.tier <> f.tier_before

-- name: notices_after
-- The notices after a place that a webhook sends: of each customer in the batch that they chose, or else in that of the
-- webhook, and of none who has withdrawn since.
SELECT n.position, n.customer, n.batch, n.day, n.recorded_at, n.opening, n.earned, n.deducted, n.redeemed, n.expired,
       n.closing, n.tier_before, n.tier, n.expiring, n.choice
FROM notice n
LEFT JOIN notice_customer c ON c.customer = n.customer
WHERE (n.position, n.customer) > (%(position)s, %(part)s)
  AND n.batch = CASE WHEN n.choice IN ('day', 'month') THEN n.choice ELSE %(batch)s END
  AND n.choice <> 'no' AND (n.choice <> '' OR %(consent)s = 'not_withdrawn')
  AND coalesce(c.choice, '') <> 'no'
  AND (cardinality(%(customers)s::bigint[]) = 0 OR n.customer = ANY (%(customers)s::bigint[]))
ORDER BY n.position, n.customer
LIMIT %(limit)s

-- name: notice_at
-- A notice that was not delivered, unless its customer has withdrawn since.
SELECT n.position, n.customer, n.batch, n.day, n.recorded_at, n.opening, n.earned, n.deducted, n.redeemed, n.expired,
       n.closing, n.tier_before, n.tier, n.expiring, n.choice
FROM notice n
LEFT JOIN notice_customer c ON c.customer = n.customer
WHERE n.position = %(position)s AND n.customer = %(part)s
  AND n.batch = CASE WHEN n.choice IN ('day', 'month') THEN n.choice ELSE %(batch)s END
  AND coalesce(c.choice, '') <> 'no'
