-- Everything about a customer.

-- name: timeline
-- Of a customer and those found to be it, in order or from the end; its books (facts, points) among it where asked for.
SELECT e.notification_id AS position, t.customer, e.topic, t.occurred_at, t.recorded_at, t.actor, t.cause, e.state
FROM (
    SELECT l.customer, l.position, l.topic, l.occurred_at, l.recorded_at, l.actor, l.cause
    FROM timeline l
    WHERE related(l.customer) AND visible(l.customer)
      AND CASE WHEN %(newest_first)s::boolean THEN l.position < %(from)s ELSE l.position > %(from)s END
      AND (%(topics)s::text[] IS NULL OR l.topic = ANY (%(topics)s))
      AND (%(positions)s::bigint[] IS NULL OR l.position = ANY (%(positions)s))
    UNION ALL
    SELECT b.customer, b.position, b.topic, b.occurred_at, b.recorded_at, b.actor, b.cause
    FROM history b
    WHERE %(books)s::boolean AND related(b.customer) AND visible(b.customer)
      AND CASE WHEN %(newest_first)s::boolean THEN b.position < %(from)s ELSE b.position > %(from)s END
      AND (%(topics)s::text[] IS NULL OR b.topic = ANY (%(topics)s))
      AND (%(positions)s::bigint[] IS NULL OR b.position = ANY (%(positions)s))
) AS t
JOIN event e ON e.notification_id = t.position
ORDER BY CASE WHEN %(newest_first)s::boolean THEN -t.position ELSE t.position END
LIMIT %(limit)s
