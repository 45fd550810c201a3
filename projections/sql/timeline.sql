-- Events about relations, customer by customer.

-- name: timeline_store
INSERT INTO timeline (customer, position, topic, occurred_at, recorded_at, actor, cause)
SELECT * FROM unnest(
    %(customer)s::bigint[], %(position)s::bigint[], %(topic)s::text[], %(occurred_at)s::timestamptz[],
    %(recorded_at)s::timestamptz[], %(actor)s::text[], %(cause)s::bigint[]
)
