-- What was redeemed, and what is in stock. Points in 1/100, money in fen.

-- name: redemptions_load
SELECT number, customer, position, offer, kind, variant, quantity, points, money, booked_on, held_until, freed,
       quantity_freed
FROM redemption WHERE number = ANY (%(numbers)s::bigint[])

-- name: parts_load
SELECT redemption, position, booked_on, points, quantity, money, returned, quantity_returned, money_returned
FROM redemption_part WHERE redemption = ANY (%(numbers)s::bigint[])
ORDER BY redemption, part

-- name: stock_load
SELECT offer, variant, on_hand, held FROM stock

-- name: redemptions_enter
INSERT INTO redemption (
    number, customer, position, offer, kind, variant, quantity, points, money, rule_set, booked_on, held_until, reference,
    project, freed, quantity_freed, spent, returned, state
)
SELECT number, customer, position, offer, kind, variant, quantity, points, money, rule_set, booked_on::date,
       held_until::date, reference, project, 0, 0, 0, 0, 'held'
FROM unnest(
    %(number)s::bigint[], %(customer)s::bigint[], %(position)s::bigint[], %(offer)s::text[], %(kind)s::text[],
    %(variant)s::text[], %(quantity)s::bigint[], %(points)s::bigint[], %(money)s::bigint[], %(rule_set)s::text[],
    %(booked_on)s::text[], %(held_until)s::text[], %(reference)s::text[], %(project)s::text[]
) AS given (
    number, customer, position, offer, kind, variant, quantity, points, money, rule_set, booked_on, held_until, reference,
    project
)

-- name: parts_enter
INSERT INTO redemption_part (
    redemption, part, position, booked_on, points, quantity, money, reference, valid_until, returned, quantity_returned,
    money_returned
)
SELECT redemption, part, position, booked_on::date, points, quantity, money, reference, nullif(valid_until, '')::date,
       0, 0, 0
FROM unnest(
    %(redemption)s::bigint[], %(part)s::bigint[], %(position)s::bigint[], %(booked_on)s::text[], %(points)s::bigint[],
    %(quantity)s::bigint[], %(money)s::bigint[], %(reference)s::text[], %(valid_until)s::text[]
) AS given (redemption, part, position, booked_on, points, quantity, money, reference, valid_until)

-- name: redemptions_move
UPDATE redemption r
SET freed = given.freed, quantity_freed = given.quantity_freed, spent = given.spent, returned = given.returned,
    state = given.state
FROM unnest(
    %(number)s::bigint[], %(freed)s::bigint[], %(quantity_freed)s::bigint[], %(spent)s::bigint[], %(returned)s::bigint[],
    %(state)s::text[]
) AS given (number, freed, quantity_freed, spent, returned, state)
WHERE r.number = given.number

-- name: parts_move
UPDATE redemption_part p
SET returned = given.returned, quantity_returned = given.quantity_returned, money_returned = given.money_returned
FROM unnest(
    %(redemption)s::bigint[], %(part)s::bigint[], %(returned)s::bigint[], %(quantity_returned)s::bigint[],
    %(money_returned)s::bigint[]
) AS given (redemption, part, returned, quantity_returned, money_returned)
WHERE p.redemption = given.redemption AND p.part = given.part AND p.returned <> given.returned

-- name: stock_store
INSERT INTO stock (offer, variant, on_hand, held)
SELECT * FROM unnest(%(offer)s::text[], %(variant)s::text[], %(on_hand)s::bigint[], %(held)s::bigint[])
ON CONFLICT (offer, variant) DO UPDATE SET on_hand = excluded.on_hand, held = excluded.held

-- name: redemptions_read
-- A list by number.
SELECT number, customer, position, offer, kind, variant, quantity, points, money, rule_set, booked_on, held_until,
       reference, project, freed, spent, returned, state
FROM redemption
WHERE (%(customer)s::bigint IS NULL OR customer = %(customer)s)
  AND (%(number)s::bigint IS NULL OR number = %(number)s)
  AND (%(offer)s::text IS NULL OR offer = %(offer)s)
  AND (%(state)s::text IS NULL OR state = %(state)s)

-- name: parts_read
SELECT redemption, part, position, booked_on, points, quantity, money, reference, valid_until, returned,
       quantity_returned, money_returned
FROM redemption_part WHERE redemption = ANY (%(numbers)s::bigint[])
ORDER BY redemption, part

-- name: stock_read
SELECT offer, variant, on_hand, held FROM stock ORDER BY offer, variant
