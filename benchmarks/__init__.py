"""Measurements of what the design promises, each against a peer in the same run; `python -m benchmarks` runs them."""
