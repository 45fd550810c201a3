-- What the columns need of the log beside its events in order.

-- name: event
-- The event at a position: the version of a fact that a correction refers to.
SELECT originator_id, topic, state FROM event WHERE notification_id = %(position)s
