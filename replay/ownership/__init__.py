"""Who would serve whom under other rules: history's inputs in order of position, through the fold and the reactions that
the writer uses.

`history.py` reads the inputs, `standings.py` knows where each customer stood with its points at a position, `run.py`
runs, `measures.py` says how good a run is, `comparison.py` holds two against each other, `recorded.py` proves that the
rules in force reproduce the record, `report.py` prints.
"""
