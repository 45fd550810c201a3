-- Every event of each customer.

-- name: balances_last
-- The balance after the last event of each customer that has one.
SELECT given.customer, h.balance
FROM unnest(%(customers)s::bigint[]) AS given (customer)
CROSS JOIN LATERAL (
    SELECT balance FROM history WHERE history.customer = given.customer ORDER BY position DESC LIMIT 1
) AS h

-- name: history_copy
COPY history (
    customer, position, topic, occurred_at, recorded_at, booked_on, actor, cause, rule, rule_set, points, balance
) FROM STDIN

-- name: history_read
SELECT h.customer, h.position, h.topic, h.occurred_at, h.recorded_at, h.booked_on, h.actor, h.cause, h.rule,
       h.rule_set, h.points, h.balance, e.state
FROM history h
JOIN event e ON e.notification_id = h.position
WHERE h.customer = %(customer)s AND h.position > %(after)s
ORDER BY h.position
LIMIT %(limit)s
