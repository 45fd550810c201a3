"""The write side: what happened, what was decided about it, and the append-only log that keeps both.

The log is the only truth; everything outside this room is derived from it by position. Inside, the floors are
``{integrity, domain} <- {rules, log} <- writer``: `domain` is pure, `rules` decides points, `log` stores events in
PostgreSQL, `integrity` proves them unchanged, and the writer is the one process that appends. Nothing in here
imports another room.
"""
