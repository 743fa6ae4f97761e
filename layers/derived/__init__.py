"""Quantities computed from stored ones: pure functions on arrays, one subject a module."""
