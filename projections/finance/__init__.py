"""What finance reads of the log: the journal of postings, the liability of points outstanding, the year's best.

All of it is folded from the events themselves, so that it can be told as of any day and any position.
"""
