"""Notices about points: what changed for a customer in a day or a month, made when that is closed."""
