"""The kernel, written once: compiled by Numba for live use and replay, uncompiled as its own oracle
(`oracle.py`)."""
