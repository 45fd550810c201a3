"""What a rule change would do: a scenario, the run of it over the recorded facts, and the comparison.

The same engine that decides live facts runs here, over the columns the follower wrote, so that a what-if promises
what an activation delivers. Imports `ledger` and nothing else of ours.
"""
