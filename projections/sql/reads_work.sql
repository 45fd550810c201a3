-- The work with customers, as far as a scope sees it.

-- name: opportunities
-- The latest first: of a customer, of who has them, of a stage, of a channel, of a team with those below it.
SELECT o.number, o.customer, coalesce(c.name, '') AS customer_name, o.staff, o.name, o.project, o.channel, o.stage,
       o.stage_day, o.stage_reached, o.amount, o.probability_percent, o.expected_day, o.opened_day, o.ended_day, o.reason,
       o.source, o.reference, o.position
FROM opportunity o
LEFT JOIN customer c ON c.number = o.customer
WHERE o.number < %(before)s AND (%(number)s::bigint IS NULL OR o.number = %(number)s)
  AND (%(customer)s::bigint IS NULL OR related(o.customer))
  AND (%(staff)s::bigint IS NULL OR o.staff = %(staff)s)
  AND (%(stage)s::text IS NULL OR o.stage = %(stage)s)
  AND (%(channel)s::text IS NULL OR o.channel = %(channel)s)
  AND (NOT %(only_open)s::boolean OR o.ended_day IS NULL)
  AND (%(team)s::text IS NULL OR o.staff IN (
      SELECT s.number FROM staff s JOIN team_above a ON a.team = s.team WHERE a.above = %(team)s
  ))
  AND visible(o.customer)
ORDER BY o.number DESC
LIMIT %(limit)s

-- name: stages
-- The stages that an opportunity went through, in order.
SELECT p.opportunity, p.position, p.stage, p.day_from, p.day_to
FROM opportunity_stage p
JOIN opportunity o ON o.number = p.opportunity
WHERE p.opportunity = %(number)s AND visible(o.customer)
ORDER BY p.position

-- name: follow_ups
-- The latest first.
SELECT f.position, f.customer, f.staff, f.day, f.channel, f.said, f.next_step, f.next_due_day, f.outcome, f.opportunity,
       f.satisfaction, f.next_step_done
FROM follow_up f
WHERE f.position < %(before)s
  AND (%(customer)s::bigint IS NULL OR related(f.customer))
  AND (%(staff)s::bigint IS NULL OR f.staff = %(staff)s)
  AND visible(f.customer)
ORDER BY f.position DESC
LIMIT %(limit)s

-- name: next_steps
-- What was agreed on last with each customer that somebody owns and is not done, by the day it is due. It goes on with
-- whom a manager names or a handover gives the customer to, and with nobody else who gets it, nor through the pool, unless
-- the customer was given back from there.
SELECT f.position, f.customer, f.staff, f.day, f.channel, f.said, f.next_step, f.next_due_day, f.outcome, f.opportunity,
       f.satisfaction, f.next_step_done
FROM holding h
CROSS JOIN LATERAL (
    SELECT * FROM follow_up l
    WHERE l.customer = h.customer AND (l.next_step <> '' OR l.next_step_done)
    ORDER BY l.position DESC LIMIT 1
) AS f
WHERE h.owner = %(staff)s AND h.owner > 0 AND f.next_step <> '' AND visible(h.customer)
  AND NOT EXISTS (
      SELECT 1 FROM holding_history p
      WHERE p.customer = h.customer AND p.position_from > f.position
        AND (p.staff = 0 OR p.why <> ALL (%(keeps)s::text[] || %(gives_back)s::text[]))
        AND NOT EXISTS (
            SELECT 1 FROM holding_history b
            WHERE b.customer = p.customer AND b.position_from = p.position_to AND b.why = ANY (%(gives_back)s::text[])
        )
  )
ORDER BY f.next_due_day NULLS LAST, f.position
LIMIT %(limit)s

-- name: tasks
-- The latest first. Who has a task sees it, and the name of its customer; who sees its customer sees it too.
SELECT t.number, t.customer, coalesce(c.name, '') AS customer_name, t.staff, t.department, t.doer, t.title, t.due_day,
       t.state, t.progress_percent, t.note, t.opportunity, t.handed_day, t.accepted_day, t.ended_day, t.position
FROM task t
LEFT JOIN customer c ON c.number = t.customer
WHERE t.number < %(before)s AND (%(number)s::bigint IS NULL OR t.number = %(number)s)
  AND (%(customer)s::bigint IS NULL OR related(t.customer))
  AND (%(staff)s::bigint IS NULL OR t.staff = %(staff)s)
  AND (%(doer)s::bigint IS NULL OR t.doer = %(doer)s)
  AND (%(department)s::text IS NULL OR t.department = %(department)s)
  AND (NOT %(only_open)s::boolean OR t.ended_day IS NULL)
  AND (%(overdue_on)s::integer IS NULL OR t.ended_day IS NULL AND t.due_day < %(overdue_on)s)
  AND (handed(t) OR visible(t.customer))
ORDER BY t.number DESC
LIMIT %(limit)s
