-- What readers ask across views, and of the log itself.

-- name: snapshot_begin
-- First thing in a transaction: all that it reads is of one moment.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY

-- name: history_hold
-- Next in such a transaction, before it sees anything: a rebuild that puts its table in the place of this one is waited for
-- here, and the moment comes after it. Whoever saw before would find the new table empty.
LOCK TABLE history IN ACCESS SHARE MODE

-- name: tiers_hold
-- The same for tiers.
LOCK TABLE tier IN ACCESS SHARE MODE

-- name: rulebook_versions
-- How far the streams that are no customer's have come.
SELECT s.stream, coalesce(
    (SELECT max(e.originator_version) FROM event e WHERE e.originator_id = s.stream), 0
)::bigint AS version
FROM unnest(%(streams)s::text[]) AS s (stream)

-- name: rulebook_events
-- All of the streams that change seldom, and of the calendar the last day.
SELECT e.notification_id, e.originator_id, e.originator_version, e.topic, e.state
FROM event e
WHERE e.originator_id = ANY (%(streams)s::text[])
   OR (e.originator_id = %(calendar)s AND e.originator_version = %(calendar_version)s)
ORDER BY e.notification_id

-- name: accounts_now
-- Balance and lots of some customers, and where the view stands. Who isn't in the answer is no customer there.
SELECT b.customer, b.balance, b.debt, b.held, l.months, l.points, (SELECT v.position FROM view v WHERE v.name = 'balances')
FROM unnest(%(customers)s::bigint[]) AS given (customer)
JOIN balance b ON b.customer = given.customer
CROSS JOIN LATERAL (
    SELECT array_agg(lot.expiry_month ORDER BY lot.expiry_month < 0, lot.expiry_month) AS months,
           array_agg(lot.points ORDER BY lot.expiry_month < 0, lot.expiry_month) AS points
    FROM lot WHERE lot.customer = b.customer
) AS l

-- name: totals_then
-- What a customer's events come to that were booked up to a day and recorded up to a moment.
SELECT coalesce(sum(points), 0)::bigint AS balance,
       coalesce(sum(points) FILTER (WHERE topic = 'PointsGranted'), 0)::bigint AS granted,
       coalesce(sum(points) FILTER (WHERE topic = 'PointsDeducted'), 0)::bigint AS deducted,
       coalesce(sum(points) FILTER (WHERE topic = 'PointsReversed'), 0)::bigint AS reversed,
       coalesce(sum(points) FILTER (WHERE topic = 'PointsExpired'), 0)::bigint AS expired,
       coalesce(sum(points) FILTER (WHERE topic IN ('PointsRedeemed', 'PointsReturned')), 0)::bigint AS redeemed,
       coalesce(max(position), 0)::bigint AS position, count(*)::bigint AS events
FROM history
WHERE customer = %(customer)s
  AND (%(as_of)s::date IS NULL OR coalesce(
      booked_on,
      (SELECT (convert_from(c.state, 'UTF8')::jsonb ->> 'booked_on')::date FROM event c WHERE c.notification_id = cause),
      (occurred_at AT TIME ZONE %(timezone)s)::date
  ) <= %(as_of)s::date)
  AND (%(as_known_at)s::timestamptz IS NULL OR recorded_at <= %(as_known_at)s::timestamptz)

-- name: history_then
-- A customer's events at a moment with their state: a list by position. What is booked on no day itself, as a tier that
-- changes, counts by the day of what led to it, and else by the day it occurred.
SELECT h.customer, h.position, h.topic, h.occurred_at, h.recorded_at, h.booked_on, h.actor, h.cause, h.rule,
       h.rule_set, h.points, h.balance, e.state
FROM history h
JOIN event e ON e.notification_id = h.position
WHERE h.customer = %(customer)s
  AND (%(as_of)s::date IS NULL OR coalesce(
      h.booked_on,
      (SELECT (convert_from(c.state, 'UTF8')::jsonb ->> 'booked_on')::date FROM event c WHERE c.notification_id = h.cause),
      (h.occurred_at AT TIME ZONE %(timezone)s)::date
  ) <= %(as_of)s::date)
  AND (%(as_known_at)s::timestamptz IS NULL OR h.recorded_at <= %(as_known_at)s::timestamptz)
  AND (%(topics)s::text[] IS NULL OR h.topic = ANY (%(topics)s))

-- name: left_out_first
-- Where the first of a customer's events of some names before a position stands that is known at a moment, and booked on
-- a later day.
SELECT position FROM history
WHERE customer = %(customer)s AND position < %(before)s AND topic = ANY (%(topics)s) AND booked_on > %(as_of)s::date
  AND (%(as_known_at)s::timestamptz IS NULL OR recorded_at <= %(as_known_at)s::timestamptz)
ORDER BY position
LIMIT 1

-- name: months_closed
-- Months that end by a day and were closed by a moment (NULL: all): where in the log, and their last days.
SELECT notification_id, day
FROM event CROSS JOIN LATERAL (
    SELECT (said ->> 'day')::date AS day, (said ->> 'recorded_at')::timestamptz AS recorded_at
    FROM (SELECT convert_from(state, 'UTF8')::jsonb AS said) AS decoded
) AS closed
WHERE originator_id = %(calendar)s AND topic = 'DayClosed' AND (%(as_of)s::date IS NULL OR day <= %(as_of)s::date)
  AND (%(as_known_at)s::timestamptz IS NULL OR recorded_at <= %(as_known_at)s::timestamptz)
  AND extract(day FROM day + 1) = 1
ORDER BY originator_version

-- name: history_through
-- How far the history has come.
SELECT coalesce((SELECT position FROM view WHERE name = 'history'), 0)::bigint

-- name: facts_at
-- Which of these events are versions of facts, in whose streams.
SELECT notification_id, originator_id, state FROM event
WHERE notification_id = ANY (%(positions)s::bigint[]) AND topic = 'FactRecorded'

-- name: versions_of
-- Where all versions of some facts were recorded.
SELECT position FROM fact WHERE key = ANY (%(keys)s::uuid[])

-- name: history_of_cause
-- What an input led to, in one customer's stream or (customer NULL) in all.
SELECT h.customer, h.position, h.topic, h.occurred_at, h.recorded_at, h.booked_on, h.actor, h.cause, h.rule,
       h.rule_set, h.points, h.balance, e.state
FROM history h
JOIN event e ON e.notification_id = h.position
WHERE h.customer = %(customer)s AND h.position > %(cause)s AND h.cause = %(cause)s
ORDER BY h.position
LIMIT %(limit)s

-- name: reversals_of_cause
-- The reversals in a customer's stream of what an input had led to.
SELECT h.position
FROM history h
JOIN event e ON e.notification_id = h.position
WHERE h.customer = %(customer)s AND h.position > %(cause)s AND h.topic = 'PointsReversed'
  AND (convert_from(e.state, 'UTF8')::jsonb ->> 'reverses')::bigint = %(cause)s
  AND h.rule = %(rule)s
ORDER BY h.position
LIMIT 1

-- name: points_by_rule
-- A customer's points, rule by rule.
SELECT topic, rule, rule_set, count(*)::bigint AS count, sum(points)::bigint AS points,
       min(position)::bigint AS position_first, max(position)::bigint AS position_last
FROM history
WHERE customer = %(customer)s AND points IS NOT NULL
GROUP BY topic, rule, rule_set
ORDER BY topic, rule, rule_set
LIMIT %(limit)s

-- name: earned_by_rule
-- What counts for the tier in some months, rule by rule: grants, less those taken back, of rule sets whose ladders count by
-- this window; of all where it is NULL.
SELECT rule, rule_set, count(*)::bigint AS count, sum(points)::bigint AS points
FROM history
WHERE customer = %(customer)s
  AND ((topic = 'PointsGranted' AND points > 0) OR (topic = 'PointsReversed' AND points <= 0))
  AND booked_on >= %(day_first)s::date AND booked_on <= %(day_last)s::date
  AND (%(window)s::text IS NULL OR rule_set IN (
      SELECT said.state ->> 'rule_set'
      FROM (
          SELECT convert_from(e.state, 'UTF8')::jsonb AS state FROM event e
          WHERE e.originator_id = 'rulebook' AND e.topic = 'RuleSetProposed'
      ) AS said
      WHERE said.state #>> '{document,tiers,window}' = %(window)s
  ))
GROUP BY rule, rule_set
ORDER BY rule, rule_set
LIMIT %(limit)s

-- name: events_between
-- A list by notification_id.
SELECT notification_id, originator_id, originator_version, topic, state
FROM event
WHERE notification_id > %(after)s AND notification_id <= %(stop)s AND (%(topics)s::text[] IS NULL OR topic = ANY (%(topics)s))

-- name: event_one
SELECT notification_id, originator_id, originator_version, topic, state FROM event WHERE notification_id = %(position)s

-- name: position_head
SELECT position FROM head

-- name: customers_filtered
-- A list by number.
SELECT number, name, industry, region, customer_type, scale, consents, registered, position
FROM customer
WHERE (%(region)s::text IS NULL OR region = %(region)s)
  AND (%(industry)s::text IS NULL OR industry = %(industry)s)
  AND (%(customer_type)s::text IS NULL OR customer_type = %(customer_type)s)

-- name: mergings_between
-- Whether anybody was merged, or is no more, after a position of the log and up to another; the index on the position
-- serves it.
SELECT EXISTS (
    SELECT FROM event
    WHERE notification_id > %(after)s::bigint AND notification_id <= %(last)s::bigint AND topic = ANY (%(topics)s::text[])
)

-- name: merged_read
-- Mergings that some customers are part of, or, where customers is NULL, all that stand.
SELECT customer, merged_into, survivor FROM customer_merged
WHERE %(customers)s::bigint[] IS NULL OR customer = ANY (%(customers)s) OR survivor = ANY (%(customers)s)
ORDER BY customer
