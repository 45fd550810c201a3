-- What the customers have. Points in 1/100; months counted from 1970-01, -1: never.

-- name: balances_store
-- balance is as of the last event, the rest is added.
MERGE INTO balance AS b
USING unnest(
    %(customer)s::bigint[], %(balance)s::bigint[], %(debt)s::bigint[], %(granted)s::bigint[], %(deducted)s::bigint[],
    %(reversed)s::bigint[], %(expired)s::bigint[], %(redeemed)s::bigint[], %(held)s::bigint[], %(position)s::bigint[]
) AS given (customer, balance, debt, granted, deducted, reversed, expired, redeemed, held, position)
ON b.customer = given.customer
WHEN MATCHED THEN UPDATE
SET balance = given.balance, debt = b.debt + given.debt, granted = b.granted + given.granted,
    deducted = b.deducted + given.deducted, reversed = b.reversed + given.reversed,
    expired = b.expired + given.expired, redeemed = b.redeemed + given.redeemed, held = b.held + given.held,
    position = given.position
WHEN NOT MATCHED THEN INSERT (
    customer, balance, debt, granted, deducted, reversed, expired, redeemed, held, position
)
VALUES (
    given.customer, given.balance, given.debt, given.granted, given.deducted, given.reversed, given.expired,
    given.redeemed, given.held, given.position
)

-- name: lots_store
MERGE INTO lot AS l
USING unnest(%(customer)s::bigint[], %(expiry_month)s::integer[], %(points)s::bigint[])
    AS given (customer, expiry_month, points)
ON l.customer = given.customer AND l.expiry_month = given.expiry_month
WHEN MATCHED AND l.points + given.points = 0 THEN DELETE
WHEN MATCHED THEN UPDATE SET points = l.points + given.points
WHEN NOT MATCHED THEN INSERT (customer, expiry_month, points)
VALUES (given.customer, given.expiry_month, given.points)

-- name: balances_read
-- Of some customers, or, where customers is NULL, of the next ones by number.
SELECT b.customer, b.balance, b.debt, b.balance - b.held - l.past AS available, b.granted, b.deducted, b.reversed,
       b.expired, b.redeemed, b.held,
       l.expiring_30_days, l.expiring_90_days, b.position
FROM balance b
CROSS JOIN LATERAL (
    SELECT coalesce(sum(points) FILTER (WHERE expiry_month < %(month)s), 0)::bigint AS past,
           coalesce(sum(points) FILTER (WHERE expiry_month BETWEEN %(month)s AND %(month_30)s), 0)::bigint
               AS expiring_30_days,
           coalesce(sum(points) FILTER (WHERE expiry_month BETWEEN %(month)s AND %(month_90)s), 0)::bigint
               AS expiring_90_days
    FROM lot WHERE lot.customer = b.customer AND lot.expiry_month >= 0
) AS l
WHERE b.customer > %(after)s AND (%(customers)s::bigint[] IS NULL OR b.customer = ANY (%(customers)s))
ORDER BY b.customer
LIMIT %(limit)s

-- name: lots_read
SELECT nullif(expiry_month, -1), points FROM lot WHERE customer = %(customer)s
ORDER BY expiry_month < 0, expiry_month
