-- The view that the eventsourcing library's own runner fills.

-- name: peer_add
INSERT INTO bench_plain.peer_balance (account, points) VALUES (%(account)s, %(points)s)
ON CONFLICT (account) DO UPDATE SET points = peer_balance.points + excluded.points
