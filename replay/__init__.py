"""What other rules would have done: a scenario, its run over the facts, and the comparison with what is on record.

`scenario.py` names what is asked, `run.py` runs it and proves it by a digest, `comparison.py` says who gains and
loses and by which clause, `recorded.py` shows that the rules in force reproduce the record, `report.py` prints.
"""
