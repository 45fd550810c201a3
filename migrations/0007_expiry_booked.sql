-- What expired is booked on the day it expired, as all that moves points is booked on a day: histories that were filled
-- before say so now. Its event happens at the midnight after that day, which is another month's.
UPDATE history h
SET booked_on = (convert_from(e.state, 'UTF8')::jsonb ->> 'expired_on')::date
FROM event e
WHERE e.notification_id = h.position AND h.topic = 'PointsExpired' AND h.booked_on IS NULL;
