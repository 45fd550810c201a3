"""The SQL of the projections, one file per view."""
