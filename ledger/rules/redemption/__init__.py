"""Redemption in a rule set: the catalogue of what points are worth, and what tier and points entitle to.

`document.py` says how it is written, `terms.py` makes of it what the domain asks for, `sentences.py` says it in words.
"""
