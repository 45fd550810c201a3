-- Leads and collisions, as far as a scope sees them.

-- name: collisions
-- Each side as far as one sees its customer (`matched`, which the holder has, and `customer`, at which the lead arrived) or
-- leads whose side it is. Leading who asked shows no customer of the other side.
SELECT c.number,
       CASE WHEN sees_lead AND is_seen THEN c.customer ELSE 0 END AS customer,
       CASE WHEN sees_lead AND is_seen THEN coalesce(n.name, '') ELSE '' END AS customer_name,
       CASE WHEN sees_held THEN c.matched ELSE 0 END AS matched,
       CASE WHEN sees_held THEN coalesce(m.name, '') ELSE '' END AS matched_name,
       CASE WHEN sees_held OR c.holder = %(scope_staff)s::bigint THEN c.holder ELSE 0 END AS holder,
       c.holder_team,
       CASE WHEN sees_lead OR c.asker = %(scope_staff)s::bigint THEN c.asker ELSE 0 END AS asker,
       c.asker_team, c.certainty,
       CASE WHEN sees_held AND sees_lead THEN c.matches ELSE '[]' END AS matches,
       CASE WHEN sees_lead OR c.asker = %(scope_staff)s::bigint THEN c.project ELSE '' END AS project, c.day,
       CASE
           WHEN sees_held AND sees_lead OR c.owner = %(scope_staff)s::bigint THEN c.owner
           WHEN c.owner IS NOT NULL THEN 0
       END AS owner,
       CASE WHEN sees_held AND sees_lead THEN c.settled_by ELSE '' END AS settled_by,
       CASE WHEN sees_held AND sees_lead THEN c.reason ELSE '' END AS reason,
       c.ruled_day, NOT (sees_held AND sees_lead) AS is_masked
FROM (
    SELECT side.*, side.customer <> side.matched OR side.sees_held AS is_seen
    FROM (
        SELECT collision.*, h.team AS holder_team, a.team AS asker_team,
               visible(collision.matched) OR led(h) AND h.number <> %(scope_staff)s::bigint AS sees_held,
               visible(collision.customer) OR led(a) AND a.number <> %(scope_staff)s::bigint AS sees_lead
        FROM collision
        JOIN staff h ON h.number = collision.holder
        JOIN staff a ON a.number = collision.asker
        WHERE (%(number)s::bigint IS NULL OR collision.number = %(number)s)
          AND (%(before)s::bigint IS NULL OR collision.number < %(before)s)
          AND (NOT %(only_open)s::boolean OR collision.owner IS NULL)
    ) AS side
) AS c
LEFT JOIN customer n ON n.number = c.customer
LEFT JOIN customer m ON m.number = c.matched
WHERE c.sees_held OR c.asker = %(scope_staff)s::bigint OR c.holder = %(scope_staff)s::bigint
ORDER BY c.number DESC
LIMIT %(limit)s

-- name: evidence
-- What happened with the customers of a collision, in order, for who sees both or leads whose side each is.
SELECT t.position, t.customer, t.topic, t.recorded_at, t.actor, c.holder, c.asker, e.state
FROM collision c
JOIN staff h ON h.number = c.holder
JOIN staff a ON a.number = c.asker
JOIN timeline t ON t.customer IN (c.customer, c.matched)
JOIN event e ON e.notification_id = t.position
WHERE c.number = %(number)s AND t.topic = ANY (%(topics)s::text[])
  AND (visible(c.matched) OR led(h) AND h.number <> %(scope_staff)s::bigint)
  AND (visible(c.customer) OR led(a) AND a.number <> %(scope_staff)s::bigint)
  AND (t.position, t.customer) > (%(after_position)s::bigint, %(after_customer)s::bigint)
ORDER BY t.position, t.customer
LIMIT %(limit)s

-- name: leads
SELECT l.position, l.customer, l.source, l.lead, l.channel, l.staff, l.project, l.amount, l.is_new, l.matched, l.matches,
       l.day
FROM lead l
WHERE related(l.customer) AND l.position > %(after)s AND visible(l.customer)
ORDER BY l.position
LIMIT %(limit)s
