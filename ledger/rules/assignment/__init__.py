"""Who serves which customer: the section `assignment` of a rule set, and what it chooses.

- `document.py`: what can be written;
- `roster.py`, `fields.py`: staff as arrays, and who of them a rule considers for a customer;
- `ways.py`: the five ways to choose;
- `policy.py`: the rules as the domain asks them;
- `verdicts.py`, `words.py`, `sentences.py`: what was chosen and why, and what a rule says, in Chinese and English.
"""
