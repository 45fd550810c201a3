"""The read side: one file per view of the log, and the follower that feeds them all.

A view stores the position it has read up to in the same transaction as its rows, so it can be thrown away and
rebuilt, and it is never ahead of or behind what it says. Imports `ledger` and nothing else of ours.
"""
