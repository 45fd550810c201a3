-- What was said to be due, as far as a scope sees it.

-- name: reminders
-- The latest first. A reminder is open until something was done about it, or the customer is somebody else's. A talk
-- that leaves the next step as it was leaves what was said of it open.
SELECT r.position, r.customer, coalesce(c.name, '') AS customer_name, r.kind, r.staff, r.about,
       coalesce(t.title, m.name, '') AS title, r.due_day, r.day, open.is_open
FROM reminder r
LEFT JOIN customer c ON c.number = r.customer
LEFT JOIN holding h ON h.customer = r.customer
LEFT JOIN task t ON r.kind = 'task' AND t.number = r.number
LEFT JOIN milestone m
    ON r.kind = 'milestone' AND m.project = r.number AND m.milestone = substr(r.about, strpos(r.about, '/') + 1)
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN r.kind = 'task' THEN coalesce(t.ended_day IS NULL AND t.due_day = r.due_day, false)
        WHEN r.kind = 'milestone' THEN coalesce(m.reached_day IS NULL AND m.due_day = r.due_day, false)
        WHEN h.owner IS DISTINCT FROM r.staff THEN false
        WHEN r.kind = 'protection_ending' THEN h.protected_day = r.due_day AND r.due_day >= %(today)s
        ELSE h.since < r.position
             AND NOT EXISTS (
                 SELECT 1 FROM follow_up f
                 WHERE f.customer = r.customer AND f.position > r.position
                   AND (r.kind <> 'follow_up' OR f.next_step <> '' OR f.next_step_done)
             )
    END AS is_open
) AS open
WHERE (%(before)s::bigint IS NULL OR r.position < %(before)s)
  AND (%(staff)s::bigint IS NULL OR r.staff = %(staff)s)
  AND (%(customer)s::bigint IS NULL OR related(r.customer))
  AND (%(kinds)s::text[] IS NULL OR r.kind = ANY (%(kinds)s))
  AND (NOT %(only_open)s::boolean OR open.is_open)
  AND (visible(r.customer) OR r.kind = 'task' AND r.staff = %(scope_staff)s::bigint)
ORDER BY r.position DESC
LIMIT %(limit)s
