-- What finance reads: events that move points, in order, with what their booking depends on.

-- name: events_of_topics
SELECT notification_id, originator_id, topic, state
FROM event
WHERE notification_id > %(after)s AND notification_id <= %(stop)s AND topic = ANY (%(topics)s::text[])
ORDER BY notification_id
LIMIT %(limit)s

-- name: position_head
SELECT position FROM head
