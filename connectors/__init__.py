"""How facts come in from files and other systems: mappings, readers, quarantine.

A connector turns rows into fact commands and never decides points; what it cannot read for certain it refuses, row
by row, with a reason. Imports `ledger` and nothing else of ours.
"""
