-- What a scope lets see: `visible(…)` and `concerned(…)` of a customer's number, `held(…)` of a row of holding, `handed(…)`
-- of a row of task, `led(…)` of a row of staff, `pooled(…)` of a row of holding in the pool. Reads name them, and
-- `projections.relations.scopes` puts these in their place. A name ends with the kind of scope that it is for; "own" holds
-- for support and site teams too. What one has is few: it is worked out first, as an array that every index can be entered
-- with.
--
-- And what holds for every scope: `related(…)`, that a customer is %(customer)s, or that it and this one are found to be one;
-- `continued(…)`, a row of holding_history with those that go on with it.

-- name: related
{0} = ANY (ARRAY(
    WITH root AS (
        SELECT coalesce(
            (SELECT m.survivor FROM customer_merged m WHERE m.customer = %(customer)s::bigint), %(customer)s::bigint
        ) AS customer
    )
    SELECT root.customer FROM root
    UNION ALL
    SELECT m.customer FROM customer_merged m JOIN root ON root.customer = m.survivor
))

-- name: continued
-- The time that somebody had a customer, and the times that it was given back to them as it was (%(not_counted)s), until it
-- came to them anew.
(
    SELECT on_with.followed_at, on_with.position_to
    FROM holding_history on_with
    WHERE on_with.staff = {0}.staff AND on_with.staff > 0 AND on_with.customer = {0}.customer
      AND on_with.position_from >= {0}.position_from AND on_with.position_from < coalesce((
          SELECT min(anew.position_from) FROM holding_history anew
          WHERE anew.staff = {0}.staff AND anew.staff > 0 AND anew.customer = {0}.customer
            AND anew.position_from > {0}.position_from AND anew.why <> ALL (%(not_counted)s::text[])
      ), 9223372036854775807)
)

-- name: visible_all
TRUE

-- name: visible_region
-- The customers of one's region and those that the people have whom one leads, wherever these are, with those found to be
-- one of them; and one's own.
(EXISTS (
    SELECT 1 FROM holding seen
    WHERE seen.customer = coalesce((SELECT m.survivor FROM customer_merged m WHERE m.customer = {0}), {0})
      AND (seen.region = %(scope_region)s::text AND seen.region <> '' OR among_led(seen.owner))
) OR among_own({0}))

-- name: visible_own
{0} = ANY (ARRAY(served()))

-- name: among_own
-- The same where it is one condition of several: no index is entered with it, and it is looked up, not gone through.
{0} IN (served())

-- name: served
-- Whom one owns, works with, or is on the site of, and who was found to be one of these.
WITH served AS (
    SELECT o.customer FROM holding o WHERE o.owner = %(scope_staff)s::bigint AND o.owner > 0
    UNION ALL
    SELECT c.customer FROM collaboration c WHERE c.staff = %(scope_staff)s::bigint
    UNION ALL
    SELECT coalesce(u.survivor, m.customer)
    FROM site_member m LEFT JOIN customer_merged u ON u.customer = m.customer
    WHERE m.staff = %(scope_staff)s::bigint
)
SELECT served.customer FROM served
UNION ALL
SELECT m.customer FROM customer_merged m JOIN served ON served.customer = m.survivor

-- name: held_all
TRUE

-- name: held_region
-- The same of a row of holding, which says the region itself unless the customer was merged into another.
(CASE WHEN {0}.why = 'merged' THEN visible_region({0}.customer)
      ELSE {0}.region = %(scope_region)s::text AND {0}.region <> '' OR among_led({0}.owner) END
 OR among_own({0}.customer))

-- name: held_own
visible_own({0}.customer)

-- name: among_led
-- An owner is of the people whom one leads: hundreds at most, worked out once and looked up.
{0} IN (SELECT l.number FROM staff l WHERE led_region(l))

-- name: concerned_all
TRUE

-- name: concerned_region
(visible_region({0}) OR {0} IN (
    SELECT coalesce(u.survivor, given.customer)
    FROM task given LEFT JOIN customer_merged u ON u.customer = given.customer
    WHERE handed_own(given) OR given.department = ANY (%(scope_teams)s::text[])
))

-- name: concerned_own
-- Also of whom one has, or had, a task.
(among_own({0}) OR {0} IN (
    SELECT coalesce(u.survivor, given.customer)
    FROM task given LEFT JOIN customer_merged u ON u.customer = given.customer
    WHERE handed_own(given)
))

-- name: handed_all
TRUE

-- name: handed_region
-- Also to the teams that one leads.
(handed_own({0}) OR {0}.department = ANY (%(scope_teams)s::text[]) OR visible_region({0}.customer))

-- name: handed_own
-- Handed by oneself, to oneself, or to a department that one belongs to.
({0}.staff = %(scope_staff)s::bigint OR {0}.doer = %(scope_staff)s::bigint
 OR ({0}.doer = 0 AND {0}.department = ANY (%(scope_departments)s::text[])))

-- name: led_all
TRUE

-- name: led_region
-- Who works in one's region, or in a team that one leads.
({0}.place = %(scope_region)s::text AND {0}.place <> '' OR {0}.team = ANY (%(scope_teams)s::text[]) OR led_own({0}))

-- name: led_own
{0}.number = %(scope_staff)s::bigint

-- name: pooled_all
TRUE

-- name: pooled_region
pooled_own({0})

-- name: pooled_own
-- The pool is for who sells: that of their region, and of no region; all of it, where they have none.
(%(scope_sells)s::boolean AND ({0}.region = %(scope_region)s::text OR {0}.region = '' OR %(scope_region)s::text = ''))
