"""Inspection of a delivery: rules over its files, drawn samples, error rates, and the decision about it."""
