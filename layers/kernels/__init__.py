"""Loops over cells and samples that formulas and statistics share: compiled, or plain numerics without a quantity."""
