-- What finance reads: events that move points, in order, with what their booking depends on.

-- name: events_of_topics
SELECT notification_id, originator_id, topic, state
FROM event
WHERE notification_id > %(after)s AND notification_id <= %(stop)s AND topic = ANY (%(topics)s::text[])
ORDER BY notification_id
LIMIT %(limit)s

-- name: facts_reversed
-- Which fact versions something was taken back of, up to a position.
SELECT DISTINCT (convert_from(state, 'UTF8')::jsonb ->> 'reverses')::bigint
FROM event WHERE topic = 'PointsReversed' AND notification_id <= %(stop)s

-- name: position_head
SELECT position FROM head

-- name: month_closed
-- Where in the log a month was closed: with its last day. NULL where it is open.
SELECT min(notification_id) FROM event
WHERE originator_id = %(calendar)s AND topic = 'DayClosed'
  AND convert_from(state, 'UTF8')::jsonb ->> 'day' = %(day_last)s
