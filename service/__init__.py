"""The top floor: settings, embedded servers, the command line, and bootstrap, which wires everything.

It may import every other room; no other room imports it.
"""
