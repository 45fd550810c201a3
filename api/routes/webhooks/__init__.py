"""Webhooks as resources: what is asked for (subscriptions), and what became of their messages (deliveries)."""
