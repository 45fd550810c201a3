"""Reconciliation: payments held against redemptions that were set off against them.

Pure: it looks at the state of settlement and says what matches, by which rule and how surely, and what stays open, of
which kind and since when. `matching.py` finds matches, `candidates.py` what a person may look at, `report.py` says it
all, `invented.py` makes histories with planted faults for benchmarks, tests and the demo, `planted.py` holds what was
found against what was planted. Imports `ledger` and nothing else of ours. Amounts are integers of fen, days day
numbers.
"""
