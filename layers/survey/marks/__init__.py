"""Marks in copies of survey records: a line for people, and a choice of coordinates that tells whose copy it is.

`mark` moves records onto the points that a copy's key allows, `order` puts neighbours in the order that it wants,
`book` numbers the copies, `copy` writes them, `trace` says whose a file is.
"""
