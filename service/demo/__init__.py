"""The demonstration: an invented contractor's three years, told from the first contract to a what-if.

`contractor` invents the facts, `words` and `seasons` are what it draws from, `pictures` draws in a terminal, `story`
is the command. Every firm, place and project is invented; none is meant to be a real one.
"""
